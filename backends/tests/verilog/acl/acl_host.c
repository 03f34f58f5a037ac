/* The functions that acl_host.h declares.
 *
 * Program acl of acl.o; made by beeline 0.1.0. Do not edit.
 */
#include "acl_host.h"

#include <string.h>

struct map_info {
    uint32_t info; /* MAP_INFO: kind, placement, log2 of the depth of a bank */
    uint32_t key_size;
    uint32_t value_size;
    uint32_t entries;
    uint32_t slots;
    uint32_t rights;
    uint32_t first_hidden;
    uint32_t num_hidden;
};

static const struct map_info maps[ACL_NUM_MAPS] = {
    { 0x000102u, 4u, 16u, 4u, 4u, 3u, 0u, 0u }, /* counters */
    { 0x050201u, 6u, 4u, 64u, 128u, 3u, 0u, 0u }, /* senders */
};

static int read_register(struct acl_device *device, uint32_t address, uint32_t *data)
{
    return device->read32(device->context, address, data);
}

static int write_register(struct acl_device *device, uint32_t address, uint32_t data)
{
    return device->write32(device->context, address, data);
}

/* Two registers whose high word is taken with the low one. */
static int read_pair(struct acl_device *device, uint32_t address, uint64_t *data)
{
    uint32_t low = 0, high = 0;
    int status = read_register(device, address, &low);
    if (!status)
        status = read_register(device, address + 4, &high);
    *data = (uint64_t)high << 32 | low;
    return status;
}

/* ENODEV unless the register holds `expected`. */
static int check_register(struct acl_device *device, uint32_t address, uint32_t expected)
{
    uint32_t data = 0;
    int status = read_register(device, address, &data);
    if (!status && data != expected)
        status = -ACL_ENODEV;
    return status;
}

int acl_open(struct acl_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context)
{
    int status;
    memset(device, 0, sizeof *device);
    device->read32 = read32;
    device->write32 = write32;
    device->context = context;
    device->poll_limit = 1000000;
    status = check_register(device, ACL_REG_ID, ACL_ID);
    if (!status)
        status = check_register(device, ACL_REG_VERSION, ACL_VERSION);
    if (!status)
        status = check_register(device, ACL_REG_NUM_MAPS, ACL_NUM_MAPS);
    for (uint32_t map = 0; !status && map < ACL_NUM_MAPS; map++) {
        const struct map_info *m = &maps[map];
        const uint32_t shape[5] = { m->info, m->key_size, m->value_size, m->entries, m->slots };
        status = write_register(device, ACL_REG_MAP, map);
        for (uint32_t word = 0; !status && word < 5; word++)
            status = check_register(device, ACL_REG_MAP_INFO + 4 * word, shape[word]);
    }
    return status;
}

int acl_packets(struct acl_device *device, uint64_t *packets)
{
    return read_pair(device, ACL_REG_PACKETS, packets);
}

int acl_actions(struct acl_device *device, uint32_t action, uint32_t *packets)
{
    if (action > 4)
        return -ACL_EINVAL;
    return read_register(device, ACL_REG_ACTION + 4 * action, packets);
}

int acl_map_stalls(struct acl_device *device, uint32_t map, uint64_t *cycles)
{
    int status = write_register(device, ACL_REG_MAP, map);
    return status ? status : read_pair(device, ACL_REG_STALLS, cycles);
}

int acl_map_failed(struct acl_device *device, uint32_t map, uint32_t *keys)
{
    int status = write_register(device, ACL_REG_MAP, map);
    return status ? status : read_register(device, ACL_REG_MAP_FAILED, keys);
}

/* Placements: who decides where a key stands. */
enum { ABSENT = 0, BY_INDEX = 1, BY_HOST = 2, BY_TABLE = 3, BY_LRU_TABLE = 4 };

/* Kinds of maps, numbers of Linux, that differ in what the host may do. */
enum { PROG_ARRAY = 3, ARRAY_OF_MAPS = 12, HASH_OF_MAPS = 13, DEVMAP = 14, CPUMAP = 16, XSKMAP = 17, DEVMAP_HASH = 25 };

/* Rights of the host. */
enum { READABLE = 1, WRITABLE = 2, LOCKS = 4 };

/* Longest queue of a CPU map. */
#define MAX_QUEUE 16384u

static uint32_t kind_of(const struct map_info *m)
{
    return m->info & 255;
}

static uint32_t placement_of(const struct map_info *m)
{
    return m->info >> 8 & 255;
}

/* True for maps whose keys are indices below max_entries, though not every index need have an entry. */
static int has_indices(const struct map_info *m)
{
    uint32_t kind = kind_of(m);
    return placement_of(m) == BY_INDEX || kind == PROG_ARRAY || kind == ARRAY_OF_MAPS || kind == DEVMAP || kind == CPUMAP
        || kind == XSKMAP;
}

static uint32_t word_at(const void *bytes)
{
    const uint8_t *b = bytes;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Bytes to and from the windows KEY and VALUE. */
static int put_bytes(struct acl_device *device, uint32_t window, const void *from, uint32_t size)
{
    const uint8_t *bytes = from;
    int status = 0;
    for (uint32_t at = 0; !status && at < size; at += 4) {
        uint32_t word = 0;
        for (uint32_t k = 0; k < 4 && at + k < size; k++)
            word |= (uint32_t)bytes[at + k] << 8 * k;
        status = write_register(device, window + at, word);
    }
    return status;
}

static int get_bytes(struct acl_device *device, uint32_t window, void *to, uint32_t size)
{
    uint8_t *bytes = to;
    int status = 0;
    for (uint32_t at = 0; !status && at < size; at += 4) {
        uint32_t word = 0;
        status = read_register(device, window + at, &word);
        for (uint32_t k = 0; k < 4 && at + k < size; k++)
            bytes[at + k] = (uint8_t)(word >> 8 * k);
    }
    return status;
}

static int get_value(struct acl_device *device, const struct map_info *m, void *value)
{
    int status = get_bytes(device, ACL_REG_VALUE, value, m->value_size);
    return status;
}

/* The parts that the host does not set are locks and the like, of which the hardware makes no use: they are zero. */
static int put_value(struct acl_device *device, const struct map_info *m, const void *value)
{
    int status = put_bytes(device, ACL_REG_VALUE, value, m->value_size);
    return status;
}

/* Sends a request, waits for its end, and returns its status. */
static int request(struct acl_device *device, uint32_t map, uint32_t op, uint32_t flags)
{
    uint32_t data = 0;
    int status = write_register(device, ACL_REG_MAP, map);
    if (!status)
        status = write_register(device, ACL_REG_CTRL, ACL_CTRL_START | op << 4 | flags << 8);
    for (uint32_t polls = 0; !status; polls++) {
        status = read_register(device, ACL_REG_CTRL, &data);
        if (!status && !(data & ACL_CTRL_BUSY))
            break;
        if (!status && polls >= device->poll_limit)
            status = -ACL_ETIMEDOUT;
    }
    if (!status)
        status = read_register(device, ACL_REG_STATUS, &data);
    if (!status && data)
        status = -(int)(UINT32_MAX - data) - 1;
    return status;
}

static int read_slot(struct acl_device *device, uint32_t map, uint32_t slot)
{
    int status = write_register(device, ACL_REG_SLOT, slot);
    return status ? status : request(device, map, ACL_OP_READ_SLOT, 0);
}

/* Writes KEY and VALUE, as they are in the registers, to `slot`. */
static int write_slot(struct acl_device *device, uint32_t map, uint32_t slot, uint32_t present)
{
    int status = write_register(device, ACL_REG_SLOT, slot);
    if (!status)
        status = write_register(device, ACL_REG_PRESENT, present);
    return status ? status : request(device, map, ACL_OP_WRITE_SLOT, 0);
}

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
static int read_placed(struct acl_device *device, uint32_t map, uint32_t slot, uint32_t *present, uint8_t *key)
{
    int status = read_slot(device, map, slot);
    if (!status)
        status = read_register(device, ACL_REG_PRESENT, present);
    if (!status && *present)
        status = get_bytes(device, ACL_REG_KEY, key, maps[map].key_size);
    return status;
}

static int find_placed(struct acl_device *device, uint32_t map, const void *key, uint32_t *slot)
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
    return -ACL_ENOENT;
}

/* Puts the candidates of a key behind what the search has seen, but for those on the way to `parent` itself. */
static uint32_t visit(struct acl_device *device, const uint32_t slots[4], uint32_t parent, uint32_t seen)
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
static int make_room(struct acl_device *device, uint32_t map, const void *key, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    struct acl_place *search = device->search;
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
        if (seen < ACL_SEARCH) {
            candidates(m, other, slots);
            seen = visit(device, slots, node, seen);
        }
    }
    if (node == seen)
        return -ACL_E2BIG;
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
static int count_placed(struct acl_device *device, uint32_t map, uint32_t *count)
{
    if (!device->counts[map]) {
        uint32_t keys = 0;
        for (uint32_t slot = 0; slot < maps[map].slots; slot++) {
            uint32_t present = 0;
            int status = read_slot(device, map, slot);
            if (!status)
                status = read_register(device, ACL_REG_PRESENT, &present);
            if (status)
                return status;
            keys += present & 1;
        }
        device->counts[map] = keys + 1;
    }
    *count = device->counts[map] - 1;
    return 0;
}

static int put_new_value(struct acl_device *device, const struct map_info *m, const void *value);

static int update_placed(struct acl_device *device, uint32_t map, const void *key, const void *value, uint64_t flags)
{
    const struct map_info *m = &maps[map];
    uint32_t slot = 0, count = 0;
    int status = find_placed(device, map, key, &slot);
    int is_new = status == -ACL_ENOENT;
    if (status && !is_new)
        return status;
    if (flags == ACL_NOEXIST && !is_new)
        return -ACL_EEXIST;
    if (flags == ACL_EXIST && is_new)
        return -ACL_ENOENT;
    status = 0;
    if (is_new) {
        status = count_placed(device, map, &count);
        if (!status && count >= m->entries)
            status = -ACL_E2BIG;
        if (!status)
            status = make_room(device, map, key, &slot);
    }
    if (!status)
        status = put_bytes(device, ACL_REG_KEY, key, m->key_size);
    if (!status)
        status = put_new_value(device, m, value);
    if (!status)
        status = write_slot(device, map, slot, 1);
    if (!status && is_new)
        device->counts[map]++;
    return status;
}

static int delete_placed(struct acl_device *device, uint32_t map, const void *key)
{
    uint32_t slot;
    int status = find_placed(device, map, key, &slot);
    if (!status)
        status = write_slot(device, map, slot, 0);
    if (!status && device->counts[map])
        device->counts[map]--;
    return status;
}

/* Finds the slot of `key`: its value is then in the register VALUE. */
static int find(struct acl_device *device, uint32_t map, const void *key, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    if (has_indices(m) && word_at(key) >= m->entries)
        return -ACL_ENOENT;
    if (placement_of(m) == BY_HOST)
        return find_placed(device, map, key, slot);
    *slot = word_at(key);
    return read_slot(device, map, *slot);
}

/* EOPNOTSUPP if there is no such map, EPERM if the host does not have all of `rights`. */
static int check_map(uint32_t map, uint32_t rights)
{
    if (map >= ACL_NUM_MAPS || placement_of(&maps[map]) == ABSENT)
        return -ACL_EOPNOTSUPP;
    return (maps[map].rights & rights) == rights ? 0 : -ACL_EPERM;
}

int acl_map_lookup(struct acl_device *device, uint32_t map, const void *key, void *value)
{
    uint32_t slot;
    int status = check_map(map, READABLE);
    if (!status && kind_of(&maps[map]) == XSKMAP)
        status = -ACL_EOPNOTSUPP;
    if (!status)
        status = find(device, map, key, &slot);
    return status ? status : get_value(device, &maps[map], value);
}

/* What the kernel checks before an update, by kind; *flags are then at most EXIST. *erase says that the update takes the entry out. */
static int check_update(const struct map_info *m, const void *key, const void *value, uint64_t *flags, int *erase)
{
    uint32_t kind = kind_of(m);
    *erase = 0;
    if (*flags & ACL_F_LOCK) {
        if (!(m->rights & LOCKS))
            return -ACL_EINVAL;
        *flags -= ACL_F_LOCK;
    }
    if (*flags > ACL_EXIST || ((kind == PROG_ARRAY || kind == ARRAY_OF_MAPS) && *flags))
        return -ACL_EINVAL;
    if (kind == DEVMAP_HASH && !word_at(value))
        return -ACL_EINVAL;
    if (has_indices(m) && word_at(key) >= m->entries)
        return -ACL_E2BIG;
    /* Of these, every index counts as there. */
    if ((placement_of(m) == BY_INDEX || kind == DEVMAP || kind == CPUMAP) && *flags == ACL_NOEXIST)
        return -ACL_EEXIST;
    if (kind == DEVMAP || kind == CPUMAP || kind == DEVMAP_HASH) {
        if (kind == CPUMAP && word_at(value) > MAX_QUEUE)
            return -ACL_EOVERFLOW;
        /* A program cannot be attached to a target. */
        if (m->value_size >= 8) {
            uint32_t program = word_at((const uint8_t *)value + 4);
            if (program && !(program >> 31))
                return -ACL_EINVAL;
        }
        *flags = *flags == ACL_EXIST ? ACL_ANY : *flags;
        *erase = !word_at(value);
    }
    return 0;
}

/* Targets are stored without the number of a program. */
static int put_new_value(struct acl_device *device, const struct map_info *m, const void *value)
{
    uint32_t kind = kind_of(m);
    int status = put_value(device, m, value);
    if (kind == DEVMAP || kind == CPUMAP || kind == DEVMAP_HASH)
        for (uint32_t at = 4; !status && at < m->value_size; at += 4)
            status = write_register(device, ACL_REG_VALUE + at, 0);
    return status;
}

int acl_map_update(struct acl_device *device, uint32_t map, const void *key, const void *value, uint64_t flags)
{
    const struct map_info *m;
    int erase;
    int status = check_map(map, WRITABLE);
    if (status)
        return status;
    m = &maps[map];
    status = check_update(m, key, value, &flags, &erase);
    if (status)
        return status;
    if (erase) {
        status = acl_map_delete(device, map, key);
        return status == -ACL_ENOENT ? 0 : status;
    }
    if (placement_of(m) == BY_HOST)
        return update_placed(device, map, key, value, flags);
    status = put_new_value(device, m, value);
    if (status)
        return status;
    return write_slot(device, map, word_at(key), 1);
}

int acl_map_delete(struct acl_device *device, uint32_t map, const void *key)
{
    const struct map_info *m;
    uint32_t kind;
    int status = check_map(map, WRITABLE);
    if (status)
        return status;
    m = &maps[map];
    kind = kind_of(m);
    if (placement_of(m) == BY_INDEX)
        return -ACL_EINVAL;
    if (has_indices(m) && word_at(key) >= m->entries)
        return kind == PROG_ARRAY || kind == ARRAY_OF_MAPS ? -ACL_E2BIG : -ACL_EINVAL;
    if (placement_of(m) == BY_HOST) {
        status = delete_placed(device, map, key);
        /* In these it is no error if there is nothing to delete. */
        if (status == -ACL_ENOENT && (kind == DEVMAP || kind == CPUMAP || kind == XSKMAP))
            status = 0;
        return status;
    }
    (void)device; /* arrays alone have no use for it */
    return -ACL_EOPNOTSUPP;
}

/* The first slot from *slot on that has an entry; key and value are then in the registers. */
static int next_slot(struct acl_device *device, uint32_t map, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    for (; *slot < m->slots; ++*slot) {
        uint32_t present = 1;
        int status = read_slot(device, map, *slot);
        if (!status && placement_of(m) != BY_INDEX)
            status = read_register(device, ACL_REG_PRESENT, &present);
        if (status || present & 1)
            return status;
    }
    return -ACL_ENOENT;
}

/* The key of the entry in `slot`, which has just been read. */
static int get_key(struct acl_device *device, const struct map_info *m, uint32_t slot, void *key)
{
    if (placement_of(m) != BY_INDEX)
        return get_bytes(device, ACL_REG_KEY, key, m->key_size);
    for (uint32_t k = 0; k < m->key_size; k++)
        ((uint8_t *)key)[k] = (uint8_t)(k < 4 ? slot >> 8 * k : 0);
    return 0;
}

int acl_map_next_key(struct acl_device *device, uint32_t map, const void *key, void *next_key)
{
    const struct map_info *m;
    uint32_t slot = 0;
    int status = check_map(map, READABLE);
    if (status)
        return status;
    m = &maps[map];
    if (has_indices(m)) {
        uint32_t next = key && word_at(key) < m->entries ? word_at(key) + 1 : 0;
        if (next >= m->entries)
            return -ACL_ENOENT;
        for (uint32_t k = 0; k < 4; k++)
            ((uint8_t *)next_key)[k] = (uint8_t)(next >> 8 * k);
        return 0;
    }
    if (key) {
        status = find(device, map, key, &slot);
        if (status && status != -ACL_ENOENT)
            return status;
        slot = status ? 0 : slot + 1;
    }
    status = next_slot(device, map, &slot);
    return status ? status : get_key(device, m, slot, next_key);
}

int acl_map_next_entry(struct acl_device *device, uint32_t map, uint32_t *cursor, void *key, void *value)
{
    int status = check_map(map, READABLE);
    if (!status)
        status = next_slot(device, map, cursor);
    if (!status)
        status = get_key(device, &maps[map], *cursor, key);
    if (!status && value)
        status = get_value(device, &maps[map], value);
    if (!status)
        ++*cursor;
    return status;
}

