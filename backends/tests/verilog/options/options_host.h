/* options_host.h: maps and counters of the hardware, for a driver or a program that reaches its registers.
 *
 * Program options of options.o; made by beeline 0.1.0. Do not edit.
 *
 * Functions return 0, or an error number of Linux as a negative number (below). They use nothing but the two functions in
 * struct options_device and memcpy, and may be called by one thread at a time. Every access to a map takes its
 * turn among the packets, and takes one cycle of the input stream: packets before it do not see its
 * effect, packets behind it do, and a value that is read is from one moment. Keys and values are bytes in the order of
 * the program's memory, which is little-endian.
 */
#ifndef OPTIONS_HOST_H
#define OPTIONS_HOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Registers: byte addresses, 32 bits each. */
#define OPTIONS_REG_ID 0x0000u
#define OPTIONS_REG_VERSION 0x0004u
#define OPTIONS_REG_CTRL 0x0008u
#define OPTIONS_REG_MAP 0x000cu
#define OPTIONS_REG_SLOT 0x0010u
#define OPTIONS_REG_PRESENT 0x0014u
#define OPTIONS_REG_STATUS 0x0018u
#define OPTIONS_REG_NUM_MAPS 0x001cu
#define OPTIONS_REG_PACKETS 0x0020u
#define OPTIONS_REG_ACTION 0x0030u
#define OPTIONS_REG_MAP_INFO 0x0080u
#define OPTIONS_REG_MAP_KEY_SIZE 0x0084u
#define OPTIONS_REG_MAP_VALUE_SIZE 0x0088u
#define OPTIONS_REG_MAP_ENTRIES 0x008cu
#define OPTIONS_REG_MAP_SLOTS 0x0090u
#define OPTIONS_REG_MAP_COUNT 0x0094u
#define OPTIONS_REG_MAP_FAILED 0x0098u
#define OPTIONS_REG_STALLS 0x00a0u
#define OPTIONS_REG_KEY 0x0100u
#define OPTIONS_REG_VALUE 0x1000u

#define OPTIONS_ID 0x4245454cu
#define OPTIONS_VERSION 2u

/* CTRL: start with an operation. */
#define OPTIONS_CTRL_START 0x1u
#define OPTIONS_CTRL_BUSY 0x1u
#define OPTIONS_OP_READ_SLOT 0u
#define OPTIONS_OP_WRITE_SLOT 1u
#define OPTIONS_OP_LOOKUP 2u
#define OPTIONS_OP_UPDATE 3u
#define OPTIONS_OP_DELETE 4u

/* Flags of an update, as in Linux. */
#define OPTIONS_ANY 0u
#define OPTIONS_NOEXIST 1u
#define OPTIONS_EXIST 2u
#define OPTIONS_F_LOCK 4u

/* Error numbers, those of Linux. */
#define OPTIONS_EPERM 1
#define OPTIONS_ENOENT 2
#define OPTIONS_E2BIG 7
#define OPTIONS_EEXIST 17
#define OPTIONS_ENODEV 19
#define OPTIONS_EINVAL 22
#define OPTIONS_EOVERFLOW 75
#define OPTIONS_EOPNOTSUPP 95
#define OPTIONS_ETIMEDOUT 110

/* Numbers of the maps. */
#define OPTIONS_NUM_MAPS 0u

/* A device: fill in with options_open. */
struct options_device {
    /* Read and write a register: 0, or a negative number, which the functions below hand on. */
    int (*read32)(void *context, uint32_t address, uint32_t *data);
    int (*write32)(void *context, uint32_t address, uint32_t data);
    void *context;
    /* Reads of CTRL after which a request counts as lost. */
    uint32_t poll_limit;
};

/* Prepares *device, and checks that the hardware is the one that this header describes: ENODEV if it is not. */
int options_open(struct options_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context);

/* Packets that have left or were dropped, and those of them with an action (0 aborted to 4 redirect). */
int options_packets(struct options_device *device, uint64_t *packets);
int options_actions(struct options_device *device, uint32_t action, uint32_t *packets);

/* Cycles in which a packet waited for the map; keys for which a table of the hardware's had no place though it was not full. */
int options_map_stalls(struct options_device *device, uint32_t map, uint64_t *cycles);
int options_map_failed(struct options_device *device, uint32_t map, uint32_t *keys);

#ifdef __cplusplus
}
#endif

#endif
