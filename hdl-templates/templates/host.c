{% let p = model.prefix.as_str() %}{% let u = model.upper.as_str() %}/* The functions that {{ model.header }} declares.
 *
 * Program {{ model.origin.program }} of {{ model.origin.object }}; made by beeline {{ model.origin.version }}. Do not edit.
 */
#include "{{ model.header }}"

#include <string.h>
{% if !model.maps.is_empty() %}
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

static const struct map_info maps[{{ u }}_NUM_MAPS] = {
{% for m in model.maps %}    { 0x{{ format!("{:06x}", m.info) }}u, {{ m.key_size }}u, {{ m.value_size }}u, {{ m.entries }}u, {{ m.slots }}u, {{ m.rights }}u, {{ m.first_hidden }}u, {{ m.hidden.len() }}u }, /* {{ m.source }} */
{% endfor %}};
{% endif %}
static int read_register(struct {{ p }}_device *device, uint32_t address, uint32_t *data)
{
    return device->read32(device->context, address, data);
}

static int write_register(struct {{ p }}_device *device, uint32_t address, uint32_t data)
{
    return device->write32(device->context, address, data);
}

/* Two registers whose high word is taken with the low one. */
static int read_pair(struct {{ p }}_device *device, uint32_t address, uint64_t *data)
{
    uint32_t low = 0, high = 0;
    int status = read_register(device, address, &low);
    if (!status)
        status = read_register(device, address + 4, &high);
    *data = (uint64_t)high << 32 | low;
    return status;
}

/* ENODEV unless the register holds `expected`. */
static int check_register(struct {{ p }}_device *device, uint32_t address, uint32_t expected)
{
    uint32_t data = 0;
    int status = read_register(device, address, &data);
    if (!status && data != expected)
        status = -{{ u }}_ENODEV;
    return status;
}

int {{ p }}_open(struct {{ p }}_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context)
{
    int status;
    memset(device, 0, sizeof *device);
    device->read32 = read32;
    device->write32 = write32;
    device->context = context;
    device->poll_limit = 1000000;
    status = check_register(device, {{ u }}_REG_ID, {{ u }}_ID);
    if (!status)
        status = check_register(device, {{ u }}_REG_VERSION, {{ u }}_VERSION);
    if (!status)
        status = check_register(device, {{ u }}_REG_NUM_MAPS, {{ u }}_NUM_MAPS);
{% if !model.maps.is_empty() %}    for (uint32_t map = 0; !status && map < {{ u }}_NUM_MAPS; map++) {
        const struct map_info *m = &maps[map];
        const uint32_t shape[5] = { m->info, m->key_size, m->value_size, m->entries, m->slots };
        status = write_register(device, {{ u }}_REG_MAP, map);
        for (uint32_t word = 0; !status && word < 5; word++)
            status = check_register(device, {{ u }}_REG_MAP_INFO + 4 * word, shape[word]);
    }
{% endif %}    return status;
}

int {{ p }}_packets(struct {{ p }}_device *device, uint64_t *packets)
{
    return read_pair(device, {{ u }}_REG_PACKETS, packets);
}

int {{ p }}_actions(struct {{ p }}_device *device, uint32_t action, uint32_t *packets)
{
    if (action > 4)
        return -{{ u }}_EINVAL;
    return read_register(device, {{ u }}_REG_ACTION + 4 * action, packets);
}

int {{ p }}_map_stalls(struct {{ p }}_device *device, uint32_t map, uint64_t *cycles)
{
    int status = write_register(device, {{ u }}_REG_MAP, map);
    return status ? status : read_pair(device, {{ u }}_REG_STALLS, cycles);
}

int {{ p }}_map_failed(struct {{ p }}_device *device, uint32_t map, uint32_t *keys)
{
    int status = write_register(device, {{ u }}_REG_MAP, map);
    return status ? status : read_register(device, {{ u }}_REG_MAP_FAILED, keys);
}
{% if model.used().next().is_some() %}
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

{% if model.takes_keys %}static int takes_keys(const struct map_info *m)
{
    return placement_of(m) == BY_TABLE || placement_of(m) == BY_LRU_TABLE;
}

{% endif %}/* True for maps whose keys are indices below max_entries, though not every index need have an entry. */
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
static int put_bytes(struct {{ p }}_device *device, uint32_t window, const void *from, uint32_t size)
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

static int get_bytes(struct {{ p }}_device *device, uint32_t window, void *to, uint32_t size)
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
{% let hidden = model.hidden() %}{% if !hidden.is_empty() %}
/* Parts of values that the host neither sees nor sets: first byte, bytes. */
static const uint32_t hidden[{{ hidden.len() }}][2] = {
{% for h in hidden.iter() %}    { {{ h.0 }}u, {{ h.1 }}u },
{% endfor %}};
{% endif %}
static int get_value(struct {{ p }}_device *device, const struct map_info *m, void *value)
{
    int status = get_bytes(device, {{ u }}_REG_VALUE, value, m->value_size);
{% if !hidden.is_empty() %}    for (uint32_t n = 0; n < m->num_hidden; n++) {
        const uint32_t *part = hidden[m->first_hidden + n];
        memset((uint8_t *)value + part[0], 0, part[1]);
    }
{% endif %}    return status;
}

/* The parts that the host does not set are locks and the like, of which the hardware makes no use: they are zero. */
static int put_value(struct {{ p }}_device *device, const struct map_info *m, const void *value)
{
    int status = put_bytes(device, {{ u }}_REG_VALUE, value, m->value_size);
{% if !hidden.is_empty() %}    for (uint32_t n = 0; n < m->num_hidden; n++) {
        const uint32_t *part = hidden[m->first_hidden + n];
        for (uint32_t at = part[0] & ~3u; !status && at < part[0] + part[1]; at += 4) {
            uint32_t word = 0;
            for (uint32_t k = 0; k < 4 && at + k < m->value_size; k++)
                if (at + k < part[0] || at + k >= part[0] + part[1])
                    word |= (uint32_t)((const uint8_t *)value)[at + k] << 8 * k;
            status = write_register(device, {{ u }}_REG_VALUE + at, word);
        }
    }
{% endif %}    return status;
}

/* Sends a request, waits for its end, and returns its status. */
static int request(struct {{ p }}_device *device, uint32_t map, uint32_t op, uint32_t flags)
{
    uint32_t data = 0;
    int status = write_register(device, {{ u }}_REG_MAP, map);
    if (!status)
        status = write_register(device, {{ u }}_REG_CTRL, {{ u }}_CTRL_START | op << 4 | flags << 8);
    for (uint32_t polls = 0; !status; polls++) {
        status = read_register(device, {{ u }}_REG_CTRL, &data);
        if (!status && !(data & {{ u }}_CTRL_BUSY))
            break;
        if (!status && polls >= device->poll_limit)
            status = -{{ u }}_ETIMEDOUT;
    }
    if (!status)
        status = read_register(device, {{ u }}_REG_STATUS, &data);
    if (!status && data)
        status = -(int)(UINT32_MAX - data) - 1;
    return status;
}

static int read_slot(struct {{ p }}_device *device, uint32_t map, uint32_t slot)
{
    int status = write_register(device, {{ u }}_REG_SLOT, slot);
    return status ? status : request(device, map, {{ u }}_OP_READ_SLOT, 0);
}

/* Writes KEY and VALUE, as they are in the registers, to `slot`. */
static int write_slot(struct {{ p }}_device *device, uint32_t map, uint32_t slot, uint32_t present)
{
    int status = write_register(device, {{ u }}_REG_SLOT, slot);
    if (!status)
        status = write_register(device, {{ u }}_REG_PRESENT, present);
    return status ? status : request(device, map, {{ u }}_OP_WRITE_SLOT, 0);
}
{% if model.places %}{% include "host_place.c" %}
{% endif %}{% if model.takes_keys %}
static int ask_table(struct {{ p }}_device *device, uint32_t map, const void *key, uint32_t op, uint32_t flags)
{
    int status = put_bytes(device, {{ u }}_REG_KEY, key, maps[map].key_size);
    return status ? status : request(device, map, op, flags);
}
{% endif %}
/* Finds the slot of `key`: its value is then in the register VALUE. */
static int find(struct {{ p }}_device *device, uint32_t map, const void *key, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    if (has_indices(m) && word_at(key) >= m->entries)
        return -{{ u }}_ENOENT;
{% if model.places %}    if (placement_of(m) == BY_HOST)
        return find_placed(device, map, key, slot);
{% endif %}{% if model.takes_keys %}    if (takes_keys(m)) {
        int status = ask_table(device, map, key, {{ u }}_OP_LOOKUP, 0);
        return status ? status : read_register(device, {{ u }}_REG_SLOT, slot);
    }
{% endif %}    *slot = word_at(key);
    return read_slot(device, map, *slot);
}

/* EOPNOTSUPP if there is no such map, EPERM if the host does not have all of `rights`. */
static int check_map(uint32_t map, uint32_t rights)
{
    if (map >= {{ u }}_NUM_MAPS || placement_of(&maps[map]) == ABSENT)
        return -{{ u }}_EOPNOTSUPP;
    return (maps[map].rights & rights) == rights ? 0 : -{{ u }}_EPERM;
}

int {{ p }}_map_lookup(struct {{ p }}_device *device, uint32_t map, const void *key, void *value)
{
    uint32_t slot;
    int status = check_map(map, READABLE);
    if (!status && kind_of(&maps[map]) == XSKMAP)
        status = -{{ u }}_EOPNOTSUPP;
    if (!status)
        status = find(device, map, key, &slot);
    return status ? status : get_value(device, &maps[map], value);
}

/* What the kernel checks before an update, by kind; *flags are then at most EXIST. *erase says that the update takes the entry out. */
static int check_update(const struct map_info *m, const void *key, const void *value, uint64_t *flags, int *erase)
{
    uint32_t kind = kind_of(m);
    *erase = 0;
    if (*flags & {{ u }}_F_LOCK) {
        if (!(m->rights & LOCKS))
            return -{{ u }}_EINVAL;
        *flags -= {{ u }}_F_LOCK;
    }
    if (*flags > {{ u }}_EXIST || ((kind == PROG_ARRAY || kind == ARRAY_OF_MAPS) && *flags))
        return -{{ u }}_EINVAL;
    if (kind == DEVMAP_HASH && !word_at(value))
        return -{{ u }}_EINVAL;
    if (has_indices(m) && word_at(key) >= m->entries)
        return -{{ u }}_E2BIG;
    /* Of these, every index counts as there. */
    if ((placement_of(m) == BY_INDEX || kind == DEVMAP || kind == CPUMAP) && *flags == {{ u }}_NOEXIST)
        return -{{ u }}_EEXIST;
    if (kind == DEVMAP || kind == CPUMAP || kind == DEVMAP_HASH) {
        if (kind == CPUMAP && word_at(value) > MAX_QUEUE)
            return -{{ u }}_EOVERFLOW;
        /* A program cannot be attached to a target. */
        if (m->value_size >= 8) {
            uint32_t program = word_at((const uint8_t *)value + 4);
            if (program && !(program >> 31))
                return -{{ u }}_EINVAL;
        }
        *flags = *flags == {{ u }}_EXIST ? {{ u }}_ANY : *flags;
        *erase = !word_at(value);
    }
    return 0;
}

/* Targets are stored without the number of a program. */
static int put_new_value(struct {{ p }}_device *device, const struct map_info *m, const void *value)
{
    uint32_t kind = kind_of(m);
    int status = put_value(device, m, value);
    if (kind == DEVMAP || kind == CPUMAP || kind == DEVMAP_HASH)
        for (uint32_t at = 4; !status && at < m->value_size; at += 4)
            status = write_register(device, {{ u }}_REG_VALUE + at, 0);
    return status;
}

int {{ p }}_map_update(struct {{ p }}_device *device, uint32_t map, const void *key, const void *value, uint64_t flags)
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
        status = {{ p }}_map_delete(device, map, key);
        return status == -{{ u }}_ENOENT ? 0 : status;
    }
{% if model.places %}    if (placement_of(m) == BY_HOST)
        return update_placed(device, map, key, value, flags);
{% endif %}    status = put_new_value(device, m, value);
    if (status)
        return status;
{% if model.takes_keys %}    if (takes_keys(m))
        return ask_table(device, map, key, {{ u }}_OP_UPDATE, (uint32_t)flags);
{% endif %}    return write_slot(device, map, word_at(key), 1);
}

int {{ p }}_map_delete(struct {{ p }}_device *device, uint32_t map, const void *key)
{
    const struct map_info *m;
    uint32_t kind;
    int status = check_map(map, WRITABLE);
    if (status)
        return status;
    m = &maps[map];
    kind = kind_of(m);
    if (placement_of(m) == BY_INDEX)
        return -{{ u }}_EINVAL;
    if (has_indices(m) && word_at(key) >= m->entries)
        return kind == PROG_ARRAY || kind == ARRAY_OF_MAPS ? -{{ u }}_E2BIG : -{{ u }}_EINVAL;
{% if model.places %}    if (placement_of(m) == BY_HOST) {
        status = delete_placed(device, map, key);
        /* In these it is no error if there is nothing to delete. */
        if (status == -{{ u }}_ENOENT && (kind == DEVMAP || kind == CPUMAP || kind == XSKMAP))
            status = 0;
        return status;
    }
{% endif %}{% if model.takes_keys %}    if (takes_keys(m))
        return ask_table(device, map, key, {{ u }}_OP_DELETE, 0);
{% endif %}    (void)device; /* arrays alone have no use for it */
    return -{{ u }}_EOPNOTSUPP;
}

/* The first slot from *slot on that has an entry; key and value are then in the registers. */
static int next_slot(struct {{ p }}_device *device, uint32_t map, uint32_t *slot)
{
    const struct map_info *m = &maps[map];
    for (; *slot < m->slots; ++*slot) {
        uint32_t present = 1;
        int status = read_slot(device, map, *slot);
        if (!status && placement_of(m) != BY_INDEX)
            status = read_register(device, {{ u }}_REG_PRESENT, &present);
        if (status || present & 1)
            return status;
    }
    return -{{ u }}_ENOENT;
}

/* The key of the entry in `slot`, which has just been read. */
static int get_key(struct {{ p }}_device *device, const struct map_info *m, uint32_t slot, void *key)
{
    if (placement_of(m) != BY_INDEX)
        return get_bytes(device, {{ u }}_REG_KEY, key, m->key_size);
    for (uint32_t k = 0; k < m->key_size; k++)
        ((uint8_t *)key)[k] = (uint8_t)(k < 4 ? slot >> 8 * k : 0);
    return 0;
}

int {{ p }}_map_next_key(struct {{ p }}_device *device, uint32_t map, const void *key, void *next_key)
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
            return -{{ u }}_ENOENT;
        for (uint32_t k = 0; k < 4; k++)
            ((uint8_t *)next_key)[k] = (uint8_t)(next >> 8 * k);
        return 0;
    }
    if (key) {
        status = find(device, map, key, &slot);
        if (status && status != -{{ u }}_ENOENT)
            return status;
        slot = status ? 0 : slot + 1;
    }
    status = next_slot(device, map, &slot);
    return status ? status : get_key(device, m, slot, next_key);
}

int {{ p }}_map_next_entry(struct {{ p }}_device *device, uint32_t map, uint32_t *cursor, void *key, void *value)
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
{% endif %}
