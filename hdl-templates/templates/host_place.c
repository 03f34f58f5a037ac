
/* What a key bit adds to the index in a bank (H3 hashing). */
static uint32_t hash_row(uint32_t bank, uint32_t bit)
{
    uint64_t x = ((uint64_t)bank << 32 | bit) + UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(x ^ x >> 31);
}

/* The slots where `key` may stand, one in each bank. */
static void candidates(const struct map_info *m, const uint8_t *key, uint32_t slots[4])
{
    uint32_t depth_log2 = m->info >> 16 & 255;
    for (uint32_t bank = 0; bank < 4; bank++) {
        uint32_t hash = 0;
        for (uint32_t bit = 0; bit < 8 * m->key_size; bit++)
            if (key[bit / 8] >> bit % 8 & 1)
                hash ^= hash_row(bank, bit);
        slots[bank] = bank << depth_log2 | (hash & ((UINT32_C(1) << depth_log2) - 1));
    }
}

/* Reads a slot: *present says if it holds a key, which is then in key[]. */
static int read_placed(struct {{ p }}_device *device, uint32_t map, uint32_t slot, uint32_t *present, uint8_t *key)
{
    int status = read_slot(device, map, slot);
    if (!status)
        status = read_register(device, {{ u }}_REG_PRESENT, present);
    if (!status && *present)
        status = get_bytes(device, {{ u }}_REG_KEY, key, maps[map].key_size);
    return status;
}

static int find_placed(struct {{ p }}_device *device, uint32_t map, const void *key, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    uint32_t slots[4], present = 0;
    uint8_t other[256];
    candidates(m, key, slots);
    for (uint32_t bank = 0; bank < 4; bank++) {
        int status = read_placed(device, map, slots[bank], &present, other);
        if (status)
            return status;
        if (present && !memcmp(key, other, m->key_size)) {
            *slot = slots[bank];
            return 0;
        }
    }
    return -{{ u }}_ENOENT;
}

/* Puts the candidates of a key behind what the search has seen, but for those on the way to `parent` itself. */
static uint32_t visit(struct {{ p }}_device *device, const uint32_t slots[4], uint32_t parent, uint32_t seen)
{
    for (uint32_t bank = 0; bank < 4; bank++) {
        uint32_t node = parent;
        while (node != UINT32_MAX && device->search[node].slot != slots[bank])
            node = device->search[node].parent;
        if (node == UINT32_MAX) {
            device->search[seen].slot = slots[bank];
            device->search[seen].parent = parent;
            seen++;
        }
    }
    return seen;
}

/* Makes room for `key` in one of its slots. Breadth first: as few keys move as possible. A key is in its new
 * slot before it leaves the old one, so that packets always find it. */
static int make_room(struct {{ p }}_device *device, uint32_t map, const void *key, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    struct {{ p }}_place *search = device->search;
    uint32_t slots[4], seen, present = 1, node;
    uint8_t other[256];
    int status;
    candidates(m, key, slots);
    seen = visit(device, slots, UINT32_MAX, 0);
    for (node = 0; node < seen; node++) {
        status = read_placed(device, map, search[node].slot, &present, other);
        if (status)
            return status;
        if (!present)
            break;
        if (seen < {{ u }}_SEARCH) {
            candidates(m, other, slots);
            seen = visit(device, slots, node, seen);
        }
    }
    if (node == seen)
        return -{{ u }}_E2BIG;
    for (; search[node].parent != UINT32_MAX; node = search[node].parent) {
        status = read_slot(device, map, search[search[node].parent].slot);
        if (!status)
            status = write_slot(device, map, search[node].slot, 1);
        if (status)
            return status;
    }
    *slot = search[node].slot;
    return 0;
}

/* The number of keys in a map; counted the first time. */
static int count_placed(struct {{ p }}_device *device, uint32_t map, uint32_t *count)
{
    if (!device->counts[map]) {
        uint32_t keys = 0;
        for (uint32_t slot = 0; slot < maps[map].slots; slot++) {
            uint32_t present = 0;
            int status = read_slot(device, map, slot);
            if (!status)
                status = read_register(device, {{ u }}_REG_PRESENT, &present);
            if (status)
                return status;
            keys += present & 1;
        }
        device->counts[map] = keys + 1;
    }
    *count = device->counts[map] - 1;
    return 0;
}

static int put_new_value(struct {{ p }}_device *device, const struct map_info *m, const void *value);

static int update_placed(struct {{ p }}_device *device, uint32_t map, const void *key, const void *value, uint64_t flags)
{
    const struct map_info *m = &maps[map];
    uint32_t slot = 0, count = 0;
    int status = find_placed(device, map, key, &slot);
    int is_new = status == -{{ u }}_ENOENT;
    if (status && !is_new)
        return status;
    if (flags == {{ u }}_NOEXIST && !is_new)
        return -{{ u }}_EEXIST;
    if (flags == {{ u }}_EXIST && is_new)
        return -{{ u }}_ENOENT;
    status = 0;
    if (is_new) {
        status = count_placed(device, map, &count);
        if (!status && count >= m->entries)
            status = -{{ u }}_E2BIG;
        if (!status)
            status = make_room(device, map, key, &slot);
    }
    if (!status)
        status = put_bytes(device, {{ u }}_REG_KEY, key, m->key_size);
    if (!status)
        status = put_new_value(device, m, value);
    if (!status)
        status = write_slot(device, map, slot, 1);
    if (!status && is_new)
        device->counts[map]++;
    return status;
}

static int delete_placed(struct {{ p }}_device *device, uint32_t map, const void *key)
{
    uint32_t slot;
    int status = find_placed(device, map, key, &slot);
    if (!status)
        status = write_slot(device, map, slot, 0);
    if (!status && device->counts[map])
        device->counts[map]--;
    return status;
}
