/* acl_host.h: maps and counters of the hardware, for a driver or a program that reaches its registers.
 *
 * Program acl of acl.o; made by beeline 0.1.0. Do not edit.
 *
 * Functions return 0, or an error number of Linux as a negative number (below). They use nothing but the two functions in
 * struct acl_device and memcpy, and may be called by one thread at a time. Every access to a map takes its
 * turn among the packets, and takes one cycle of the input stream: packets before it do not see its
 * effect, packets behind it do, and a value that is read is from one moment. Keys and values are bytes in the order of
 * the program's memory, which is little-endian.
 */
#ifndef ACL_HOST_H
#define ACL_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Registers: byte addresses, 32 bits each. */
#define ACL_REG_ID 0x0000u
#define ACL_REG_VERSION 0x0004u
#define ACL_REG_CTRL 0x0008u
#define ACL_REG_MAP 0x000cu
#define ACL_REG_SLOT 0x0010u
#define ACL_REG_PRESENT 0x0014u
#define ACL_REG_STATUS 0x0018u
#define ACL_REG_NUM_MAPS 0x001cu
#define ACL_REG_PACKETS 0x0020u
#define ACL_REG_ACTION 0x0030u
#define ACL_REG_MAP_INFO 0x0080u
#define ACL_REG_MAP_KEY_SIZE 0x0084u
#define ACL_REG_MAP_VALUE_SIZE 0x0088u
#define ACL_REG_MAP_ENTRIES 0x008cu
#define ACL_REG_MAP_SLOTS 0x0090u
#define ACL_REG_MAP_COUNT 0x0094u
#define ACL_REG_MAP_FAILED 0x0098u
#define ACL_REG_STALLS 0x00a0u
#define ACL_REG_KEY 0x0100u
#define ACL_REG_VALUE 0x1000u

#define ACL_ID 0x4245454cu
#define ACL_VERSION 2u

/* CTRL: start with an operation. */
#define ACL_CTRL_START 0x1u
#define ACL_CTRL_BUSY 0x1u
#define ACL_OP_READ_SLOT 0u
#define ACL_OP_WRITE_SLOT 1u
#define ACL_OP_LOOKUP 2u
#define ACL_OP_UPDATE 3u
#define ACL_OP_DELETE 4u

/* Flags of an update, as in Linux. */
#define ACL_ANY 0u
#define ACL_NOEXIST 1u
#define ACL_EXIST 2u
#define ACL_F_LOCK 4u

/* Error numbers, those of Linux. */
#define ACL_EPERM 1
#define ACL_ENOENT 2
#define ACL_E2BIG 7
#define ACL_EEXIST 17
#define ACL_ENODEV 19
#define ACL_EINVAL 22
#define ACL_EOVERFLOW 75
#define ACL_EOPNOTSUPP 95
#define ACL_ETIMEDOUT 110

/* Numbers of the maps. */
#define ACL_NUM_MAPS 2u
#define ACL_MAP_COUNTERS 0u /* counters: array of 4 */
#define ACL_MAP_SENDERS 1u /* senders: hash of 64 */

/* A slot on the way of a search for room. */
struct acl_place {
    uint32_t slot;
    uint32_t parent;
};

/* Slots that a search visits at most. */
#define ACL_SEARCH 4096u

/* A device: fill in with acl_open. */
struct acl_device {
    /* Read and write a register: 0, or a negative number, which the functions below hand on. */
    int (*read32)(void *context, uint32_t address, uint32_t *data);
    int (*write32)(void *context, uint32_t address, uint32_t data);
    void *context;
    /* Reads of CTRL after which a request counts as lost. */
    uint32_t poll_limit;
    /* Keys in each map, plus 1; 0 if they have not been counted yet. */
    uint32_t counts[2];
    struct acl_place search[ACL_SEARCH + 4u];
};

/* Prepares *device, and checks that the hardware is the one that this header describes: ENODEV if it is not. */
int acl_open(struct acl_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context);

/* Packets that have left or were dropped, and those of them with an action (0 aborted to 4 redirect). */
int acl_packets(struct acl_device *device, uint64_t *packets);
int acl_actions(struct acl_device *device, uint32_t action, uint32_t *packets);

/* Cycles in which a packet waited for the map; keys for which a table of the hardware's had no place though it was not full. */
int acl_map_stalls(struct acl_device *device, uint32_t map, uint64_t *cycles);
int acl_map_failed(struct acl_device *device, uint32_t map, uint32_t *keys);

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
int acl_map_lookup(struct acl_device *device, uint32_t map, const void *key, void *value);
int acl_map_update(struct acl_device *device, uint32_t map, const void *key, const void *value, uint64_t flags);
int acl_map_delete(struct acl_device *device, uint32_t map, const void *key);
int acl_map_next_key(struct acl_device *device, uint32_t map, const void *key, void *next_key);
int acl_map_next_entry(struct acl_device *device, uint32_t map, uint32_t *cursor, void *key, void *value);

/* counters: array of 4. */
typedef struct {
    uint8_t bytes[4];
} acl_counters_key_t;
typedef struct {
    uint8_t bytes[16];
} acl_counters_value_t;
typedef char acl_counters_has_its_size[sizeof(acl_counters_key_t) == 4 && sizeof(acl_counters_value_t) == 16 ? 1 : -1];

static inline int acl_counters_lookup(struct acl_device *device, const acl_counters_key_t *key, acl_counters_value_t *value)
{
    return acl_map_lookup(device, ACL_MAP_COUNTERS, key, value);
}
static inline int acl_counters_update(struct acl_device *device, const acl_counters_key_t *key, const acl_counters_value_t *value,
    uint64_t flags)
{
    return acl_map_update(device, ACL_MAP_COUNTERS, key, value, flags);
}
static inline int acl_counters_delete(struct acl_device *device, const acl_counters_key_t *key)
{
    return acl_map_delete(device, ACL_MAP_COUNTERS, key);
}
static inline int acl_counters_next_key(struct acl_device *device, const acl_counters_key_t *key, acl_counters_key_t *next_key)
{
    return acl_map_next_key(device, ACL_MAP_COUNTERS, key, next_key);
}

/* senders: hash of 64. */
typedef struct {
    uint8_t bytes[6];
} acl_senders_key_t;
typedef struct {
    uint8_t bytes[4];
} acl_senders_value_t;
typedef char acl_senders_has_its_size[sizeof(acl_senders_key_t) == 6 && sizeof(acl_senders_value_t) == 4 ? 1 : -1];

static inline int acl_senders_lookup(struct acl_device *device, const acl_senders_key_t *key, acl_senders_value_t *value)
{
    return acl_map_lookup(device, ACL_MAP_SENDERS, key, value);
}
static inline int acl_senders_update(struct acl_device *device, const acl_senders_key_t *key, const acl_senders_value_t *value,
    uint64_t flags)
{
    return acl_map_update(device, ACL_MAP_SENDERS, key, value, flags);
}
static inline int acl_senders_delete(struct acl_device *device, const acl_senders_key_t *key)
{
    return acl_map_delete(device, ACL_MAP_SENDERS, key);
}
static inline int acl_senders_next_key(struct acl_device *device, const acl_senders_key_t *key, acl_senders_key_t *next_key)
{
    return acl_map_next_key(device, ACL_MAP_SENDERS, key, next_key);
}

#ifdef __cplusplus
}
#endif

#endif
