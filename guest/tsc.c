// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc - prints the frequency of this machine's TSC, in kHz.
 *
 * Under TCG, the guest's TSC is the host's.  A guest without ACPI has only the
 * PIT to calibrate it against, and gets that wrong whenever the host takes the
 * CPU away meanwhile.  The host does not: it reads clock and TSC together, and
 * keeps the pair between whose halves the least time went by.
 *
 * Exit: 0, or 1 if the TSC does not count.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

/* Of several readings of the TSC at one time, the one that took least. */
static uint64_t sample(int64_t *ns)
{
	uint64_t before, after, best = UINT64_MAX, tsc = 0;
	struct timespec t;
	int i;

	for (i = 0; i < 20; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		after = __rdtsc();
		if (after - before >= best)
			continue;
		best = after - before;
		tsc = before + best / 2;
		*ns = t.tv_sec * 1000000000LL + t.tv_nsec;
	}
	return tsc;
}

int main(void)
{
	int64_t ns, start_ns;
	uint64_t tsc, start = sample(&start_ns);

	usleep(50000);
	tsc = sample(&ns);
	if (tsc <= start || ns <= start_ns) {
		fputs("tsc: the TSC does not count\n", stderr);
		return 1;
	}
	printf("%.0f\n", (tsc - start) * 1e6 / (ns - start_ns));
	return 0;
}
