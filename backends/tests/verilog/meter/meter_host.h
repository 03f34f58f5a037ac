/* meter_host.h: maps and counters of the hardware, for a driver or a program that reaches its registers.
 *
 * Program meter of meter.o; made by beeline 0.1.0. Do not edit.
 *
 * Functions return 0, or an error number of Linux as a negative number (below). They use nothing but the two functions in
 * struct meter_device and memcpy, and may be called by one thread at a time. Every access to a map takes its
 * turn among the packets, and takes one cycle of the input stream: packets before it do not see its
 * effect, packets behind it do, and a value that is read is from one moment. Keys and values are bytes in the order of
 * the program's memory, which is little-endian.
 */
#ifndef METER_HOST_H
#define METER_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Registers: byte addresses, 32 bits each. */
#define METER_REG_ID 0x0000u
#define METER_REG_VERSION 0x0004u
#define METER_REG_CTRL 0x0008u
#define METER_REG_MAP 0x000cu
#define METER_REG_SLOT 0x0010u
#define METER_REG_PRESENT 0x0014u
#define METER_REG_STATUS 0x0018u
#define METER_REG_NUM_MAPS 0x001cu
#define METER_REG_PACKETS 0x0020u
#define METER_REG_ACTION 0x0030u
#define METER_REG_MAP_INFO 0x0080u
#define METER_REG_MAP_KEY_SIZE 0x0084u
#define METER_REG_MAP_VALUE_SIZE 0x0088u
#define METER_REG_MAP_ENTRIES 0x008cu
#define METER_REG_MAP_SLOTS 0x0090u
#define METER_REG_MAP_COUNT 0x0094u
#define METER_REG_MAP_FAILED 0x0098u
#define METER_REG_STALLS 0x00a0u
#define METER_REG_KEY 0x0100u
#define METER_REG_VALUE 0x1000u

#define METER_ID 0x4245454cu
#define METER_VERSION 2u

/* CTRL: start with an operation. */
#define METER_CTRL_START 0x1u
#define METER_CTRL_BUSY 0x1u
#define METER_OP_READ_SLOT 0u
#define METER_OP_WRITE_SLOT 1u
#define METER_OP_LOOKUP 2u
#define METER_OP_UPDATE 3u
#define METER_OP_DELETE 4u

/* Flags of an update, as in Linux. */
#define METER_ANY 0u
#define METER_NOEXIST 1u
#define METER_EXIST 2u
#define METER_F_LOCK 4u

/* Error numbers, those of Linux. */
#define METER_EPERM 1
#define METER_ENOENT 2
#define METER_E2BIG 7
#define METER_EEXIST 17
#define METER_ENODEV 19
#define METER_EINVAL 22
#define METER_EOVERFLOW 75
#define METER_EOPNOTSUPP 95
#define METER_ETIMEDOUT 110

/* Numbers of the maps. */
#define METER_NUM_MAPS 2u
#define METER_MAP_BUCKETS 0u /* buckets: hash of 6 */
#define METER_MAP_TOTALS 1u /* totals: array of 4 */

/* A device: fill in with meter_open. */
struct meter_device {
    /* Read and write a register: 0, or a negative number, which the functions below hand on. */
    int (*read32)(void *context, uint32_t address, uint32_t *data);
    int (*write32)(void *context, uint32_t address, uint32_t data);
    void *context;
    /* Reads of CTRL after which a request counts as lost. */
    uint32_t poll_limit;
};

/* Prepares *device, and checks that the hardware is the one that this header describes: ENODEV if it is not. */
int meter_open(struct meter_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context);

/* Packets that have left or were dropped, and those of them with an action (0 aborted to 4 redirect). */
int meter_packets(struct meter_device *device, uint64_t *packets);
int meter_actions(struct meter_device *device, uint32_t action, uint32_t *packets);

/* Cycles in which a packet waited for the map; keys for which a table of the hardware's had no place though it was not full. */
int meter_map_stalls(struct meter_device *device, uint32_t map, uint64_t *cycles);
int meter_map_failed(struct meter_device *device, uint32_t map, uint32_t *keys);

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
int meter_map_lookup(struct meter_device *device, uint32_t map, const void *key, void *value);
int meter_map_update(struct meter_device *device, uint32_t map, const void *key, const void *value, uint64_t flags);
int meter_map_delete(struct meter_device *device, uint32_t map, const void *key);
int meter_map_next_key(struct meter_device *device, uint32_t map, const void *key, void *next_key);
int meter_map_next_entry(struct meter_device *device, uint32_t map, uint32_t *cursor, void *key, void *value);

/* buckets: hash of 6. */
typedef struct {
    uint8_t bytes[4];
} meter_buckets_key_t;
typedef struct {
    uint8_t bytes[16];
} meter_buckets_value_t;
typedef char meter_buckets_has_its_size[sizeof(meter_buckets_key_t) == 4 && sizeof(meter_buckets_value_t) == 16 ? 1 : -1];

static inline int meter_buckets_lookup(struct meter_device *device, const meter_buckets_key_t *key, meter_buckets_value_t *value)
{
    return meter_map_lookup(device, METER_MAP_BUCKETS, key, value);
}
static inline int meter_buckets_update(struct meter_device *device, const meter_buckets_key_t *key, const meter_buckets_value_t *value,
    uint64_t flags)
{
    return meter_map_update(device, METER_MAP_BUCKETS, key, value, flags);
}
static inline int meter_buckets_delete(struct meter_device *device, const meter_buckets_key_t *key)
{
    return meter_map_delete(device, METER_MAP_BUCKETS, key);
}
static inline int meter_buckets_next_key(struct meter_device *device, const meter_buckets_key_t *key, meter_buckets_key_t *next_key)
{
    return meter_map_next_key(device, METER_MAP_BUCKETS, key, next_key);
}

/* totals: array of 4. */
typedef struct {
    uint8_t bytes[4];
} meter_totals_key_t;
typedef struct {
    uint8_t bytes[8];
} meter_totals_value_t;
typedef char meter_totals_has_its_size[sizeof(meter_totals_key_t) == 4 && sizeof(meter_totals_value_t) == 8 ? 1 : -1];

static inline int meter_totals_lookup(struct meter_device *device, const meter_totals_key_t *key, meter_totals_value_t *value)
{
    return meter_map_lookup(device, METER_MAP_TOTALS, key, value);
}
static inline int meter_totals_update(struct meter_device *device, const meter_totals_key_t *key, const meter_totals_value_t *value,
    uint64_t flags)
{
    return meter_map_update(device, METER_MAP_TOTALS, key, value, flags);
}
static inline int meter_totals_delete(struct meter_device *device, const meter_totals_key_t *key)
{
    return meter_map_delete(device, METER_MAP_TOTALS, key);
}
static inline int meter_totals_next_key(struct meter_device *device, const meter_totals_key_t *key, meter_totals_key_t *next_key)
{
    return meter_map_next_key(device, METER_MAP_TOTALS, key, next_key);
}

#ifdef __cplusplus
}
#endif

#endif
