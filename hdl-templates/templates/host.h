{% let p = model.prefix.as_str() %}{% let u = model.upper.as_str() %}/* {{ model.header }}: maps and counters of the hardware, for a driver or a program that reaches its registers.
 *
 * Program {{ model.origin.program }} of {{ model.origin.object }}; made by beeline {{ model.origin.version }}. Do not edit.
 *
 * Functions return 0, or an error number of Linux as a negative number (below). They use nothing but the two functions in
 * struct {{ p }}_device and memcpy, and may be called by one thread at a time. Every access to a map takes its
 * turn among the packets, and takes one cycle of the input stream: packets before it do not see its
 * effect, packets behind it do, and a value that is read is from one moment. Keys and values are bytes in the order of
 * the program's memory, which is little-endian.
 */
#ifndef {{ u }}_HOST_H
#define {{ u }}_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Registers: byte addresses, 32 bits each. */
#define {{ u }}_REG_ID 0x0000u
#define {{ u }}_REG_VERSION 0x0004u
#define {{ u }}_REG_CTRL 0x0008u
#define {{ u }}_REG_MAP 0x000cu
#define {{ u }}_REG_SLOT 0x0010u
#define {{ u }}_REG_PRESENT 0x0014u
#define {{ u }}_REG_STATUS 0x0018u
#define {{ u }}_REG_NUM_MAPS 0x001cu
#define {{ u }}_REG_PACKETS 0x0020u
#define {{ u }}_REG_ACTION 0x0030u
#define {{ u }}_REG_MAP_INFO 0x0080u
#define {{ u }}_REG_MAP_KEY_SIZE 0x0084u
#define {{ u }}_REG_MAP_VALUE_SIZE 0x0088u
#define {{ u }}_REG_MAP_ENTRIES 0x008cu
#define {{ u }}_REG_MAP_SLOTS 0x0090u
#define {{ u }}_REG_MAP_COUNT 0x0094u
#define {{ u }}_REG_MAP_FAILED 0x0098u
#define {{ u }}_REG_STALLS 0x00a0u
#define {{ u }}_REG_KEY 0x0100u
#define {{ u }}_REG_VALUE 0x1000u

#define {{ u }}_ID 0x4245454cu
#define {{ u }}_VERSION 2u

/* CTRL: start with an operation. */
#define {{ u }}_CTRL_START 0x1u
#define {{ u }}_CTRL_BUSY 0x1u
#define {{ u }}_OP_READ_SLOT 0u
#define {{ u }}_OP_WRITE_SLOT 1u
#define {{ u }}_OP_LOOKUP 2u
#define {{ u }}_OP_UPDATE 3u
#define {{ u }}_OP_DELETE 4u

/* Flags of an update, as in Linux. */
#define {{ u }}_ANY 0u
#define {{ u }}_NOEXIST 1u
#define {{ u }}_EXIST 2u
#define {{ u }}_F_LOCK 4u

/* Error numbers, those of Linux. */
#define {{ u }}_EPERM 1
#define {{ u }}_ENOENT 2
#define {{ u }}_E2BIG 7
#define {{ u }}_EEXIST 17
#define {{ u }}_ENODEV 19
#define {{ u }}_EINVAL 22
#define {{ u }}_EOVERFLOW 75
#define {{ u }}_EOPNOTSUPP 95
#define {{ u }}_ETIMEDOUT 110

/* Numbers of the maps. */
#define {{ u }}_NUM_MAPS {{ model.maps.len() }}u
{% for m in model.maps %}#define {{ u }}_MAP_{{ m.name|upper }} {{ m.number }}u /* {{ m.source }}: {{ m.kind }} of {{ m.entries }}{% if !m.used %}, not used by the program: it has no hardware{% endif %} */
{% endfor %}{% if model.places %}
/* A slot on the way of a search for room. */
struct {{ p }}_place {
    uint32_t slot;
    uint32_t parent;
};

/* Slots that a search visits at most. */
#define {{ u }}_SEARCH 4096u
{% endif %}
/* A device: fill in with {{ p }}_open. */
struct {{ p }}_device {
    /* Read and write a register: 0, or a negative number, which the functions below hand on. */
    int (*read32)(void *context, uint32_t address, uint32_t *data);
    int (*write32)(void *context, uint32_t address, uint32_t data);
    void *context;
    /* Reads of CTRL after which a request counts as lost. */
    uint32_t poll_limit;
{% if model.places %}    /* Keys in each map, plus 1; 0 if they have not been counted yet. */
    uint32_t counts[{{ model.maps.len() }}];
    struct {{ p }}_place search[{{ u }}_SEARCH + 4u];
{% endif %}};

/* Prepares *device, and checks that the hardware is the one that this header describes: ENODEV if it is not. */
int {{ p }}_open(struct {{ p }}_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context);

/* Packets that have left or were dropped, and those of them with an action (0 aborted to 4 redirect). */
int {{ p }}_packets(struct {{ p }}_device *device, uint64_t *packets);
int {{ p }}_actions(struct {{ p }}_device *device, uint32_t action, uint32_t *packets);

/* Cycles in which a packet waited for the map; keys for which a table of the hardware's had no place though it was not full. */
int {{ p }}_map_stalls(struct {{ p }}_device *device, uint32_t map, uint64_t *cycles);
int {{ p }}_map_failed(struct {{ p }}_device *device, uint32_t map, uint32_t *keys);
{% if model.used().next().is_some() %}
/* Any map by its number. Errors are those of the bpf() system call: ENOENT (no such key), EEXIST, E2BIG (full, or an
 * index that is too large), EINVAL (flags; deletion in an array), EPERM (the map is not for the host to read or write);
 * EOPNOTSUPP if the hardware does not have the map.
 *
 * next_key gives the key after *key, the first one if key is null or not there, and ENOENT after the last. Arrays go
 * by index, with all indices; other maps by slot, which is no order of keys. A key that is there during the whole walk is seen once
 * while packets insert and delete others; one that comes or goes meanwhile may be seen or not. If the key to go on from has been
 * deleted the walk starts again. An insertion by the host may move other keys: they may be seen twice or not at all.
 *
 * next_entry walks by slot without looking for a key: it starts with *cursor = 0, does not start again, and gives key and value of one
 * moment. It skips what an array of devices does not hold. value may be null. */
int {{ p }}_map_lookup(struct {{ p }}_device *device, uint32_t map, const void *key, void *value);
int {{ p }}_map_update(struct {{ p }}_device *device, uint32_t map, const void *key, const void *value, uint64_t flags);
int {{ p }}_map_delete(struct {{ p }}_device *device, uint32_t map, const void *key);
int {{ p }}_map_next_key(struct {{ p }}_device *device, uint32_t map, const void *key, void *next_key);
int {{ p }}_map_next_entry(struct {{ p }}_device *device, uint32_t map, uint32_t *cursor, void *key, void *value);
{% if model.bit_fields %}
/* Bit-fields: `width` bits from bit `at` on, lowest first. */
static inline uint64_t {{ p }}_get_bits(const uint8_t *bytes, uint32_t at, uint32_t width)
{
    uint64_t value = 0;
    for (uint32_t bit = 0; bit < width; bit++)
        value |= (uint64_t)(bytes[(at + bit) / 8] >> (at + bit) % 8 & 1) << bit;
    return value;
}

static inline void {{ p }}_set_bits(uint8_t *bytes, uint32_t at, uint32_t width, uint64_t value)
{
    for (uint32_t bit = 0; bit < width; bit++) {
        uint8_t mask = (uint8_t)(1u << (at + bit) % 8);
        uint8_t *byte = &bytes[(at + bit) / 8];
        *byte = (uint8_t)(value >> bit & 1 ? *byte | mask : *byte & ~mask);
    }
}
{% endif %}{% if !model.types.is_empty() %}
/* The program's types. Padding is named; bit-fields are bytes with functions to get and set them. */
{% for t in model.types %}{{ t }}

{% endfor %}{% endif %}{% for m in model.used() %}
/* {{ m.source }}: {{ m.kind }} of {{ m.entries }}. */
{% let key = format!("{p}_{}_key_t", m.name) %}{% let value = format!("{p}_{}_value_t", m.name) %}{{ m.key_type(key) }}
{{ m.value_type(value) }}
typedef char {{ p }}_{{ m.name }}_has_its_size[sizeof({{ key }}) == {{ m.key_size }} && sizeof({{ value }}) == {{ m.value_size }} ? 1 : -1];

static inline int {{ p }}_{{ m.name }}_lookup(struct {{ p }}_device *device, const {{ key }} *key, {{ value }} *value)
{
    return {{ p }}_map_lookup(device, {{ u }}_MAP_{{ m.name|upper }}, key, value);
}
static inline int {{ p }}_{{ m.name }}_update(struct {{ p }}_device *device, const {{ key }} *key, const {{ value }} *value,
    uint64_t flags)
{
    return {{ p }}_map_update(device, {{ u }}_MAP_{{ m.name|upper }}, key, value, flags);
}
static inline int {{ p }}_{{ m.name }}_delete(struct {{ p }}_device *device, const {{ key }} *key)
{
    return {{ p }}_map_delete(device, {{ u }}_MAP_{{ m.name|upper }}, key);
}
static inline int {{ p }}_{{ m.name }}_next_key(struct {{ p }}_device *device, const {{ key }} *key, {{ key }} *next_key)
{
    return {{ p }}_map_next_key(device, {{ u }}_MAP_{{ m.name|upper }}, key, next_key);
}
{% endfor %}{% endif %}
#ifdef __cplusplus
}
#endif

#endif
