/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses in the kernel, for whoever is root in a guest. */
#ifndef LAB_KALLSYMS_H
#define LAB_KALLSYMS_H

#include <stdio.h>
#include <string.h>

/* The address of a kernel symbol; 0 if /proc/kallsyms has none. */
static inline unsigned long address_of(const char *symbol)
{
	unsigned long address, found = 0;
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx %*c %255s", &address, name) == 2 && !strcmp(name, symbol))
			found = address;
	if (f)
		fclose(f);
	return found;
}

#endif
