// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lab only, never part of a series: makes KVM believe that it supports SHSTK
 * and SEV-ES, which no emulator has, so that #CP and #VC become valid events.
 *
 * To be loaded before a VM is created. kvm_cpu_caps is not exported to modules
 * of other names, guest/init.c looks up its address.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

/* CPUID words as the kernel numbers them: bits of 7.0:ECX and 8000001F:EAX. */
#define WORD_7_ECX		16
#define WORD_8000_001F_EAX	19
#define SHSTK			BIT(7)
#define SEV			BIT(1)
#define SEV_ES			BIT(3)

static unsigned long kvm_cpu_caps;
module_param(kvm_cpu_caps, ulong, 0);
MODULE_PARM_DESC(kvm_cpu_caps, "address of KVM's array of capability words");

static bool shstk;
module_param(shstk, bool, 0);
MODULE_PARM_DESC(shstk, "support SHSTK");

static bool sev_es;
module_param(sev_es, bool, 0);
MODULE_PARM_DESC(sev_es, "support SEV-ES, and SEV, without which KVM hides the leaf");

static int __init lab_caps_init(void)
{
	u32 *words = (u32 *)kvm_cpu_caps;

	if (!words)
		return -EINVAL;

	if (shstk)
		words[WORD_7_ECX] |= SHSTK;
	if (sev_es)
		words[WORD_8000_001F_EAX] |= SEV | SEV_ES;

	pr_info("KVM supports%s%s\n", shstk ? " SHSTK" : "",
		sev_es ? " SEV-ES" : shstk ? "" : " neither SHSTK nor SEV-ES");
	return 0;
}
module_init(lab_caps_init);

MODULE_DESCRIPTION("SHSTK and SEV-ES for KVM under emulation");
MODULE_LICENSE("GPL");
