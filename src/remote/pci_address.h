/* SPDX-License-Identifier: Apache-2.0
 *
 * PCI addresses as values, so that "00000000:3B:00.0" and "0000:3b:00.0" are one device.
 */
#ifndef ZEUS_REMOTE_PCI_ADDRESS_H
#define ZEUS_REMOTE_PCI_ADDRESS_H

#include <stdint.h>

#include "base/attr.h"

/* domain << 16 | bus << 8 | device << 3 | function. ZEUS_EPARSE for anything but
 * DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal, domain of 4 to 8 digits. */
int pci_address_parse(const char *text, uint64_t *ret_address) ZEUS_CHECK;

/* 1 when both are well-formed and the same. */
int pci_address_is_same(const char *a, const char *b);

#endif /* ZEUS_REMOTE_PCI_ADDRESS_H */
