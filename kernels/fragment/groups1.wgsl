// All subgroups see all keys of a tile.
const KEY_GROUPS: u32 = 1u;

fn merged(state: State, place: Place) -> State {
    return state;
}
