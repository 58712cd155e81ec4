/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What L2 writes to its disk and L1 looks for in the file behind it.
 */
#ifndef LAB_NESTED_DISK_H
#define LAB_NESTED_DISK_H

#include <stddef.h>
#include <stdint.h>

#define DISK_SIZE	(4u << 20)	/* bytes */

/* Fills size bytes with the disk's content from offset 0: no two words are equal. */
static inline void disk_fill(void *buf, size_t size)
{
	uint32_t *word = buf;

	for (size_t i = 0; i < size / sizeof(*word); i++)
		word[i] = (uint32_t)i * 2654435761u ^ 0x4c32;
}

#endif
