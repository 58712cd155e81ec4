// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live patch: those functions of the series' nested.c whose code is not that of the kvm_amd as shipped take its place.
 *
 * made.h, by stock-livepatch.sh, has them, FUNCTION(name) for each, and BUILD_ID, that of this kvm_amd.
 */
#include "nested.c"
#include <linux/livepatch.h>
#include <linux/version.h>
#include "made.h"

/* The note of the one build that this is for; what else has the same release has another. */
static const char note[] = "\4\0\0\0\24\0\0\0\3\0\0\0GNU\0" BUILD_ID;

static int must_be_that_build(struct klp_object *object)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	const char *p = object->mod->core_layout.base;
	const char *end = p + object->mod->core_layout.ro_size;
#else
	const char *p = object->mod->mem[MOD_RODATA].base;
	const char *end = p + object->mod->mem[MOD_RODATA].size;
#endif

	for (; p + sizeof(note) - 1 <= end; p += 4)
		if (!memcmp(p, note, sizeof(note) - 1))
			return 0;
	pr_err("this live patch is for another build of kvm_amd\n");
	return -EINVAL;
}

#define FUNCTION(name) { .old_name = #name, .new_func = name },

static struct klp_func functions[] = { FUNCTIONS { } };

static struct klp_object objects[] = {
	{ .name = "kvm_amd", .funcs = functions, .callbacks.pre_patch = must_be_that_build, },
	{ }
};

static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objects };

/* Else -fwhole-program leaves them out. */
extern __visible typeof(init_module) init_module;
extern __visible typeof(cleanup_module) cleanup_module;

static int __init start(void)
{
	return klp_enable_patch(&patch);
}
module_init(start);

static void __exit end(void)
{
}
module_exit(end);

MODULE_DESCRIPTION("KVM: nSVM: consistency checks for EVENTINJ on nested VMRUN, as a live patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
