/* The functions that meter_host.h declares.
 *
 * Program meter of meter.o; made by beeline 0.1.0. Do not edit.
 */
#include "meter_host.h"

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

static const struct map_info maps[METER_NUM_MAPS] = {
    { 0x000301u, 4u, 16u, 6u, 16u, 3u, 0u, 0u }, /* buckets */
    { 0x000102u, 4u, 8u, 4u, 4u, 3u, 0u, 0u }, /* totals */
};

static int read_register(struct meter_device *device, uint32_t address, uint32_t *data)
{
    return device->read32(device->context, address, data);
}

static int write_register(struct meter_device *device, uint32_t address, uint32_t data)
{
    return device->write32(device->context, address, data);
}

/* Two registers whose high word is taken with the low one. */
static int read_pair(struct meter_device *device, uint32_t address, uint64_t *data)
{
    uint32_t low = 0, high = 0;
    int status = read_register(device, address, &low);
    if (!status)
        status = read_register(device, address + 4, &high);
    *data = (uint64_t)high << 32 | low;
    return status;
}

/* ENODEV unless the register holds `expected`. */
static int check_register(struct meter_device *device, uint32_t address, uint32_t expected)
{
    uint32_t data = 0;
    int status = read_register(device, address, &data);
    if (!status && data != expected)
        status = -METER_ENODEV;
    return status;
}

int meter_open(struct meter_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context)
{
    int status;
    memset(device, 0, sizeof *device);
    device->read32 = read32;
    device->write32 = write32;
    device->context = context;
    device->poll_limit = 1000000;
    status = check_register(device, METER_REG_ID, METER_ID);
    if (!status)
        status = check_register(device, METER_REG_VERSION, METER_VERSION);
    if (!status)
        status = check_register(device, METER_REG_NUM_MAPS, METER_NUM_MAPS);
    for (uint32_t map = 0; !status && map < METER_NUM_MAPS; map++) {
        const struct map_info *m = &maps[map];
        const uint32_t shape[5] = { m->info, m->key_size, m->value_size, m->entries, m->slots };
        status = write_register(device, METER_REG_MAP, map);
        for (uint32_t word = 0; !status && word < 5; word++)
            status = check_register(device, METER_REG_MAP_INFO + 4 * word, shape[word]);
    }
    return status;
}

int meter_packets(struct meter_device *device, uint64_t *packets)
{
    return read_pair(device, METER_REG_PACKETS, packets);
}

int meter_actions(struct meter_device *device, uint32_t action, uint32_t *packets)
{
    if (action > 4)
        return -METER_EINVAL;
    return read_register(device, METER_REG_ACTION + 4 * action, packets);
}

int meter_map_stalls(struct meter_device *device, uint32_t map, uint64_t *cycles)
{
    int status = write_register(device, METER_REG_MAP, map);
    return status ? status : read_pair(device, METER_REG_STALLS, cycles);
}

int meter_map_failed(struct meter_device *device, uint32_t map, uint32_t *keys)
{
    int status = write_register(device, METER_REG_MAP, map);
    return status ? status : read_register(device, METER_REG_MAP_FAILED, keys);
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

static int takes_keys(const struct map_info *m)
{
    return placement_of(m) == BY_TABLE || placement_of(m) == BY_LRU_TABLE;
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
static int put_bytes(struct meter_device *device, uint32_t window, const void *from, uint32_t size)
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

static int get_bytes(struct meter_device *device, uint32_t window, void *to, uint32_t size)
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

static int get_value(struct meter_device *device, const struct map_info *m, void *value)
{
    int status = get_bytes(device, METER_REG_VALUE, value, m->value_size);
    return status;
}

/* The parts that the host does not set are locks and the like, of which the hardware makes no use: they are zero. */
static int put_value(struct meter_device *device, const struct map_info *m, const void *value)
{
    int status = put_bytes(device, METER_REG_VALUE, value, m->value_size);
    return status;
}

/* Sends a request, waits for its end, and returns its status. */
static int request(struct meter_device *device, uint32_t map, uint32_t op, uint32_t flags)
{
    uint32_t data = 0;
    int status = write_register(device, METER_REG_MAP, map);
    if (!status)
        status = write_register(device, METER_REG_CTRL, METER_CTRL_START | op << 4 | flags << 8);
    for (uint32_t polls = 0; !status; polls++) {
        status = read_register(device, METER_REG_CTRL, &data);
        if (!status && !(data & METER_CTRL_BUSY))
            break;
        if (!status && polls >= device->poll_limit)
            status = -METER_ETIMEDOUT;
    }
    if (!status)
        status = read_register(device, METER_REG_STATUS, &data);
    if (!status && data)
        status = -(int)(UINT32_MAX - data) - 1;
    return status;
}

static int read_slot(struct meter_device *device, uint32_t map, uint32_t slot)
{
    int status = write_register(device, METER_REG_SLOT, slot);
    return status ? status : request(device, map, METER_OP_READ_SLOT, 0);
}

/* Writes KEY and VALUE, as they are in the registers, to `slot`. */
static int write_slot(struct meter_device *device, uint32_t map, uint32_t slot, uint32_t present)
{
    int status = write_register(device, METER_REG_SLOT, slot);
    if (!status)
        status = write_register(device, METER_REG_PRESENT, present);
    return status ? status : request(device, map, METER_OP_WRITE_SLOT, 0);
}

static int ask_table(struct meter_device *device, uint32_t map, const void *key, uint32_t op, uint32_t flags)
{
    int status = put_bytes(device, METER_REG_KEY, key, maps[map].key_size);
    return status ? status : request(device, map, op, flags);
}

/* Finds the slot of `key`: its value is then in the register VALUE. */
static int find(struct meter_device *device, uint32_t map, const void *key, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    if (has_indices(m) && word_at(key) >= m->entries)
        return -METER_ENOENT;
    if (takes_keys(m)) {
        int status = ask_table(device, map, key, METER_OP_LOOKUP, 0);
        return status ? status : read_register(device, METER_REG_SLOT, slot);
    }
    *slot = word_at(key);
    return read_slot(device, map, *slot);
}

/* EOPNOTSUPP if there is no such map, EPERM if the host does not have all of `rights`. */
static int check_map(uint32_t map, uint32_t rights)
{
    if (map >= METER_NUM_MAPS || placement_of(&maps[map]) == ABSENT)
        return -METER_EOPNOTSUPP;
    return (maps[map].rights & rights) == rights ? 0 : -METER_EPERM;
}

int meter_map_lookup(struct meter_device *device, uint32_t map, const void *key, void *value)
{
    uint32_t slot;
    int status = check_map(map, READABLE);
    if (!status && kind_of(&maps[map]) == XSKMAP)
        status = -METER_EOPNOTSUPP;
    if (!status)
        status = find(device, map, key, &slot);
    return status ? status : get_value(device, &maps[map], value);
}

/* What the kernel checks before an update, by kind; *flags are then at most EXIST. *erase says that the update takes the entry out. */
static int check_update(const struct map_info *m, const void *key, const void *value, uint64_t *flags, int *erase)
{
    uint32_t kind = kind_of(m);
    *erase = 0;
    if (*flags & METER_F_LOCK) {
        if (!(m->rights & LOCKS))
            return -METER_EINVAL;
        *flags -= METER_F_LOCK;
    }
    if (*flags > METER_EXIST || ((kind == PROG_ARRAY || kind == ARRAY_OF_MAPS) && *flags))
        return -METER_EINVAL;
    if (kind == DEVMAP_HASH && !word_at(value))
        return -METER_EINVAL;
    if (has_indices(m) && word_at(key) >= m->entries)
        return -METER_E2BIG;
    /* Of these, every index counts as there. */
    if ((placement_of(m) == BY_INDEX || kind == DEVMAP || kind == CPUMAP) && *flags == METER_NOEXIST)
        return -METER_EEXIST;
    if (kind == DEVMAP || kind == CPUMAP || kind == DEVMAP_HASH) {
        if (kind == CPUMAP && word_at(value) > MAX_QUEUE)
            return -METER_EOVERFLOW;
        /* A program cannot be attached to a target. */
        if (m->value_size >= 8) {
            uint32_t program = word_at((const uint8_t *)value + 4);
            if (program && !(program >> 31))
                return -METER_EINVAL;
        }
        *flags = *flags == METER_EXIST ? METER_ANY : *flags;
        *erase = !word_at(value);
    }
    return 0;
}

/* Targets are stored without the number of a program. */
static int put_new_value(struct meter_device *device, const struct map_info *m, const void *value)
{
    uint32_t kind = kind_of(m);
    int status = put_value(device, m, value);
    if (kind == DEVMAP || kind == CPUMAP || kind == DEVMAP_HASH)
        for (uint32_t at = 4; !status && at < m->value_size; at += 4)
            status = write_register(device, METER_REG_VALUE + at, 0);
    return status;
}

int meter_map_update(struct meter_device *device, uint32_t map, const void *key, const void *value, uint64_t flags)
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
        status = meter_map_delete(device, map, key);
        return status == -METER_ENOENT ? 0 : status;
    }
    status = put_new_value(device, m, value);
    if (status)
        return status;
    if (takes_keys(m))
        return ask_table(device, map, key, METER_OP_UPDATE, (uint32_t)flags);
    return write_slot(device, map, word_at(key), 1);
}

int meter_map_delete(struct meter_device *device, uint32_t map, const void *key)
{
    const struct map_info *m;
    uint32_t kind;
    int status = check_map(map, WRITABLE);
    if (status)
        return status;
    m = &maps[map];
    kind = kind_of(m);
    if (placement_of(m) == BY_INDEX)
        return -METER_EINVAL;
    if (has_indices(m) && word_at(key) >= m->entries)
        return kind == PROG_ARRAY || kind == ARRAY_OF_MAPS ? -METER_E2BIG : -METER_EINVAL;
    if (takes_keys(m))
        return ask_table(device, map, key, METER_OP_DELETE, 0);
    (void)device; /* arrays alone have no use for it */
    return -METER_EOPNOTSUPP;
}

/* The first slot from *slot on that has an entry; key and value are then in the registers. */
static int next_slot(struct meter_device *device, uint32_t map, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    for (; *slot < m->slots; ++*slot) {
        uint32_t present = 1;
        int status = read_slot(device, map, *slot);
        if (!status && placement_of(m) != BY_INDEX)
            status = read_register(device, METER_REG_PRESENT, &present);
        if (status || present & 1)
            return status;
    }
    return -METER_ENOENT;
}

/* The key of the entry in `slot`, which has just been read. */
static int get_key(struct meter_device *device, const struct map_info *m, uint32_t slot, void *key)
{
    if (placement_of(m) != BY_INDEX)
        return get_bytes(device, METER_REG_KEY, key, m->key_size);
    for (uint32_t k = 0; k < m->key_size; k++)
        ((uint8_t *)key)[k] = (uint8_t)(k < 4 ? slot >> 8 * k : 0);
    return 0;
}

int meter_map_next_key(struct meter_device *device, uint32_t map, const void *key, void *next_key)
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
            return -METER_ENOENT;
        for (uint32_t k = 0; k < 4; k++)
            ((uint8_t *)next_key)[k] = (uint8_t)(next >> 8 * k);
        return 0;
    }
    if (key) {
        status = find(device, map, key, &slot);
        if (status && status != -METER_ENOENT)
            return status;
        slot = status ? 0 : slot + 1;
    }
    status = next_slot(device, map, &slot);
    return status ? status : get_key(device, m, slot, next_key);
}

int meter_map_next_entry(struct meter_device *device, uint32_t map, uint32_t *cursor, void *key, void *value)
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

