//! Which adapter a selector picks, in words.

use mha_spec::Options;
use mha_spec::options::PREFIX;

use crate::device;

/// One line about the adapter that the option value `selector` picks (`None`: the default), or why none is usable.
pub(crate) fn adapter(selector: Option<&str>) -> Result<String, String> {
    let key = format!("{PREFIX}adapter");
    let options = Options::parse(selector.map(|value| (key.as_str(), value))).map_err(|error| error.to_string())?;
    let gpu = device::open(&options.adapter).map_err(|error| error.to_string())?;
    Ok(gpu.describe())
}
