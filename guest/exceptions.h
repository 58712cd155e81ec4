/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef LAB_EXCEPTIONS_H
#define LAB_EXCEPTIONS_H

#include <stddef.h>

/* "#GP" for 13; NULL if the vector has no exception. */
static inline const char *exception_name(unsigned int vector)
{
	static const char * const names[32] = {
		[0] = "#DE", [1] = "#DB", [3] = "#BP", [4] = "#OF", [5] = "#BR",
		[6] = "#UD", [7] = "#NM", [8] = "#DF", [10] = "#TS", [11] = "#NP",
		[12] = "#SS", [13] = "#GP", [14] = "#PF", [16] = "#MF", [17] = "#AC",
		[18] = "#MC", [19] = "#XM", [21] = "#CP", [28] = "#HV", [29] = "#VC",
		[30] = "#SX",
	};

	return vector < 32 ? names[vector] : NULL;
}

#endif
