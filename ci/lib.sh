# shellcheck shell=bash
# Shell functions that ci/demo and ci/test share: find or set up what a build and a run need. Source it from bash with `set -eu`.
# Nothing here asks questions: what can't be set up is reported in one line that says what to install.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/ci/vit_demo/requirements.txt
venv=$root/.venv
# Mesa's device-select layer complains on a machine without a desktop session; which device is used is not its choice here.
export NODEVICE_SELECT=1

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# Whether as_root can work: as root, with a sudo that asks nothing, or with a terminal for sudo to ask on.
can_be_root() {
    [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE...: installs Debian packages; fails where there is no apt, no way to be root, or no such package.
apt_install() {
    command -v apt-get >/dev/null && can_be_root || return 1
    say "installing $* ..."
    # One source that fails is no reason to give up: the package may come from another.
    as_root apt-get update -qq >/dev/null || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null </dev/null
}

# Puts cargo on PATH and makes sure that it has a linker.
need_rust() {
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
        PATH=${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH
    fi
    command -v cargo >/dev/null || die "no cargo found: install Rust from https://rustup.rs"
    command -v cc >/dev/null || apt_install gcc libc6-dev || die "no C linker (cc) found: install gcc and libc6-dev"
}

# Prints the first Python that is new enough.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Makes $venv from the pinned requirements, or brings it up to date with them. Costs nothing when it already is.
# Sets $python to its interpreter.
need_venv() {
    local installed=$venv/installed-requirements.txt base version
    python=$venv/bin/python
    if ! "$python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        base=$(find_python) || die "no Python 3.11 or later found: install python3 (3.11 or later) and python3-venv"
        version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        if ! "$base" -c 'import venv, ensurepip' 2>/dev/null; then
            apt_install "python$version-venv" || apt_install python3-venv ||
                die "$base has no venv module: install python$version-venv"
        fi
        "$base" -m venv --clear "$venv" || die "could not make a virtual environment in $venv"
    fi
    if ! cmp -s "$requirements" "$installed"; then
        say "installing Python packages into .venv (about 200 MB, once) ..."
        "$python" -m pip install -q --disable-pip-version-check --no-input --only-binary :all: --no-deps \
            -r "$requirements" </dev/null || die "could not install the packages of $requirements"
        cp "$requirements" "$installed"
    fi
}

# Makes sure that Vulkan offers a device, installing Mesa's software driver where there is none. Needs need_venv first.
# Returns 1 with one line on why when that is not possible: the library then has its CPU fallback.
need_vulkan() {
    [ "$(uname -s)" = Linux ] || return 0
    local probe=$root/ci/vit_demo/vulkan_devices.py
    "$python" "$probe" 2>/dev/null && return 0
    if [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
        say "no Vulkan device: VK_DRIVER_FILES or VK_ICD_FILENAMES is set, and names no driver that has one"
        return 1
    fi
    apt_install libvulkan1 mesa-vulkan-drivers ||
        say "could not install a Vulkan driver: install libvulkan1 and mesa-vulkan-drivers"
    "$python" "$probe"
}

# Builds the release library and the program beside it, in one go, as cargo builds for each set of packages anew what they share.
# Sets $library to the library's path.
build_library() {
    local name=libort_webgpu_attention.so
    [ "$(uname -s)" = Darwin ] && name=libort_webgpu_attention.dylib
    (cd "$root" && cargo build --release --locked -p ort-webgpu-attention -p mha-cli </dev/null) || die "the library did not build"
    library=$(cd "$root" && cd "${CARGO_TARGET_DIR:-target}/release" && pwd)/$name
    [ -f "$library" ] || die "cargo built no $library"
}
