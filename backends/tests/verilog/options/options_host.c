/* The functions that options_host.h declares.
 *
 * Program options of options.o; made by beeline 0.1.0. Do not edit.
 */
#include "options_host.h"

#include <string.h>

static int read_register(struct options_device *device, uint32_t address, uint32_t *data)
{
    return device->read32(device->context, address, data);
}

static int write_register(struct options_device *device, uint32_t address, uint32_t data)
{
    return device->write32(device->context, address, data);
}

/* Two registers whose high word is taken with the low one. */
static int read_pair(struct options_device *device, uint32_t address, uint64_t *data)
{
    uint32_t low = 0, high = 0;
    int status = read_register(device, address, &low);
    if (!status)
        status = read_register(device, address + 4, &high);
    *data = (uint64_t)high << 32 | low;
    return status;
}

/* ENODEV unless the register holds `expected`. */
static int check_register(struct options_device *device, uint32_t address, uint32_t expected)
{
    uint32_t data = 0;
    int status = read_register(device, address, &data);
    if (!status && data != expected)
        status = -OPTIONS_ENODEV;
    return status;
}

int options_open(struct options_device *device, int (*read32)(void *, uint32_t, uint32_t *),
    int (*write32)(void *, uint32_t, uint32_t), void *context)
{
    int status;
    memset(device, 0, sizeof *device);
    device->read32 = read32;
    device->write32 = write32;
    device->context = context;
    device->poll_limit = 1000000;
    status = check_register(device, OPTIONS_REG_ID, OPTIONS_ID);
    if (!status)
        status = check_register(device, OPTIONS_REG_VERSION, OPTIONS_VERSION);
    if (!status)
        status = check_register(device, OPTIONS_REG_NUM_MAPS, OPTIONS_NUM_MAPS);
    return status;
}

int options_packets(struct options_device *device, uint64_t *packets)
{
    return read_pair(device, OPTIONS_REG_PACKETS, packets);
}

int options_actions(struct options_device *device, uint32_t action, uint32_t *packets)
{
    if (action > 4)
        return -OPTIONS_EINVAL;
    return read_register(device, OPTIONS_REG_ACTION + 4 * action, packets);
}

int options_map_stalls(struct options_device *device, uint32_t map, uint64_t *cycles)
{
    int status = write_register(device, OPTIONS_REG_MAP, map);
    return status ? status : read_pair(device, OPTIONS_REG_STALLS, cycles);
}

int options_map_failed(struct options_device *device, uint32_t map, uint32_t *keys)
{
    int status = write_register(device, OPTIONS_REG_MAP, map);
    return status ? status : read_register(device, OPTIONS_REG_MAP_FAILED, keys);
}

