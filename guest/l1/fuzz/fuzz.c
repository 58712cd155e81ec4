// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random vmcb12s for VMRUN, and random states for KVM_SET_NESTED_STATE.
 *
 * Usage: fuzz [-s SEED] [-n VMRUNS] [-k CALLS] [-m] [-e] [-H] [-c CASE|-c sCASE]
 *   -m  on VMRUN, what is impossible in L2's mode is invalid, too: #OF and #BR in
 *       64-bit mode, #HV in every
 *   -H  a real CPU may refuse #HV, #VC, #CP, and #OF and #BR in 64-bit mode
 *   -e  with CR3s that lead to nothing, and L2 run with its vmcb12 in no memory
 *   -c  this case alone (s: of KVM_SET_NESTED_STATE), with its fields
 *
 * A case is a function of seed and number. Three kinds: "event" varies EVENTINJ
 * and what no check looks at; the truth table alone tells the verdict. "near"
 * is a good vmcb12 but for one to three fields, "wild" but for many. These run
 * without and with the event, as nobody knows whether the rest is valid: an
 * invalid event has to be refused in any case, and a valid one must not make
 * KVM refuse what it lets in without.
 *
 * L2 shares memory with this program, and must not be able to write to it: it
 * has page tables of its own, with nothing but its code, tables and stack, and
 * whatever comes without paging or CR0.WP goes through nested page tables that
 * have as little. What is not covered for that reason: a CR3 or nested CR3 that
 * points to memory that is no page table; addresses in L2's 64 KiB other than
 * the good ones and their neighbours; CPUs' LA57 with other than empty tables;
 * and L1's own state with bases near its code, or an IDT; breakpoints in DR7. A CR3 that leads to
 * nothing is made illegal, as is a nested CR3 that is in no memory, and no L2
 * whose vmcb12 is in no memory is run, unless -e allows it: KVM in 6.12, with
 * the series or not, may go on for ever with such an L2, which only a signal
 * ends, and may warn; 6.1 warns of the nested CR3, with and without the series.
 *
 * Exit: 0 all is well, 1 it is not, 2 an error.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include "fuzz.h"

static void on_alarm(int signal)
{
	(void)signal;
}

int main(int argc, char *argv[])
{
	struct itimerval second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	u64 vmruns = 1000000, states = 100000;
	const char *lone = NULL, *why;
	int opt;

	setvbuf(stdout, NULL, _IOLBF, 0);
	job.seed = 1;
	while ((opt = getopt(argc, argv, "s:n:k:c:meH")) != -1) {
		switch (opt) {
		case 's': job.seed = strtoull(optarg, NULL, 0); break;
		case 'n': vmruns = strtoull(optarg, NULL, 0); break;
		case 'k': states = strtoull(optarg, NULL, 0); break;
		case 'c': lone = optarg; break;
		case 'm': job.mode_rule = true; break;
		case 'e': leads_nowhere = true; break;
		case 'H': job.hardware = true; break;
		default: return 2;
		}
	}
	errno = 0;
	why = vm_unusable();
	errno = 0;
	if (why)
		die("%s", why);
	sigaction(SIGALRM, &(struct sigaction) { .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	supported = vm_supported_caps();
	init_arena();
	printf("seed %llu; KVM with%s SHSTK and with%s SEV-ES; what is impossible in L2's mode: %s\n",
	       (unsigned long long)job.seed, supported.shstk ? "" : "out",
	       supported.sev_es ? "" : "out", job.mode_rule ? "invalid" : "valid");

	last_report = time(NULL);
	if (lone && *lone == 's') {
		fuzz_state(1, strtoll(lone + 1, NULL, 0));
	} else if (lone) {
		replay_vmrun(strtoull(lone, NULL, 0));
	} else {
		fuzz_vmrun(vmruns);
		fuzz_state(states, -1);
	}
	for (u32 i = 0; i < NR_WRONGS; i++)
		if (job.wrongs[i])
			printf("%10llu times: %s\n", (unsigned long long)job.wrongs[i], wrongs[i]);
	if (job.wrong)
		printf("%llu found\n", (unsigned long long)job.wrong);
	else
		printf("nothing found\n");
	return job.wrong ? 1 : 0;
}
