// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a live patch's references to symbols that no module exports into what the kernel resolves when it patches the module
 * that has them, as Documentation/livepatch/module-elf-format.rst of Linux describes it. Where the live patch takes the address
 * of a function of its own, it becomes that of the patched module's, which has the same: what is done with it, nobody knows,
 * and the live patch may be gone before.
 *
 * Usage: relocs FILE OBJECT MODULE.SYMBOL...    (OBJECT: the module that is patched; names with _, as the kernel has them)
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's own; elf.h has none of them. */
#define SHF_RELA_LIVEPATCH	0x00100000
#define SHN_LIVEPATCH		0xff20

static Elf *elf;
static const char *file;
static Elf64_Sym *symbols, *before;
static size_t nr_symbols, symbol_names;
static bool *is_live;

static void *must(void *p)
{
	if (!p)
		errx(3, "%s: %s", file, elf_errmsg(-1));
	return p;
}

/* Adds a string to that section; its place there. */
static size_t add_string(size_t section, const char *string)
{
	Elf_Scn *scn = must(elf_getscn(elf, section));
	Elf64_Shdr *header = must(elf64_getshdr(scn));
	Elf_Data *data = must(elf_newdata(scn));
	size_t place = header->sh_size;

	data->d_buf = (void *)string;
	data->d_size = strlen(string) + 1;
	data->d_align = 1;
	header->sh_size += data->d_size;
	return place;
}

static const char *name_of(size_t symbol)
{
	return must(elf_strptr(elf, symbol_names, before[symbol].st_name));
}

static void make_live(size_t symbol, const char *module)
{
	char *name;

	if (is_live[symbol])
		return;
	/* 0: there is but one of this name, or it is refused. */
	if (asprintf(&name, ".klp.sym.%s.%s,0", module, name_of(symbol)) < 0)
		err(3, NULL);
	symbols[symbol].st_name = add_string(symbol_names, name);
	symbols[symbol].st_shndx = SHN_LIVEPATCH;
	symbols[symbol].st_value = 0;
	is_live[symbol] = true;
}

/* A relocation in .text: makes the address of a function in there that of object's. */
static void use_theirs(Elf64_Rela *rela, size_t text, const char *object)
{
	const Elf64_Sym *of = &before[ELF64_R_SYM(rela->r_info)];
	size_t type = ELF64_R_TYPE(rela->r_info), s = 1;

	if (of->st_shndx != text || (type != R_X86_64_32S && type != R_X86_64_64))
		return;
	while (s < nr_symbols && (before[s].st_shndx != text || ELF64_ST_TYPE(before[s].st_info) != STT_FUNC ||
				  before[s].st_value != of->st_value + rela->r_addend))
		s++;
	if (s == nr_symbols)
		errx(3, "%s: the address of something in .text is taken that is no function", file);
	make_live(s, object);
	rela->r_info = ELF64_R_INFO(s, type);
	rela->r_addend = 0;
}

/* Moves the relocations to such symbols out of that section, if there are any, into one of their own. */
static void split(Elf_Scn *scn, const char *object, size_t names)
{
	Elf64_Shdr *header = must(elf64_getshdr(scn)), *new_header;
	Elf64_Shdr *target = must(elf64_getshdr(must(elf_getscn(elf, header->sh_info))));
	const char *target_name = must(elf_strptr(elf, names, target->sh_name));
	Elf_Data *data = must(elf_getdata(scn, NULL)), *new_data;
	size_t n = data->d_size / sizeof(Elf64_Rela), left = 0, moved = 0;
	Elf64_Rela *relas = data->d_buf, *new_relas = must(calloc(n + 1, sizeof(*relas)));
	Elf_Scn *new;
	char *name;

	for (size_t i = 0; i < n && !strcmp(target_name, ".text"); i++)
		use_theirs(&relas[i], header->sh_info, object);
	for (size_t i = 0; i < n; i++)
		if (is_live[ELF64_R_SYM(relas[i].r_info)])
			new_relas[moved++] = relas[i];
		else
			relas[left++] = relas[i];
	if (!moved)
		return;
	/* The kernel reads its own tables (jump labels, alternatives, ...) before it resolves these. */
	if (strcmp(target_name, ".text"))
		errx(3, "%s: %s refers to symbols that are not exported", file, target_name);
	data->d_size = left * sizeof(*relas);
	elf_flagdata(data, ELF_C_SET, ELF_F_DIRTY);

	new = must(elf_newscn(elf));
	new_data = must(elf_newdata(new));
	new_data->d_buf = new_relas;
	new_data->d_size = moved * sizeof(*relas);
	new_data->d_type = ELF_T_RELA;
	new_data->d_align = 8;
	if (asprintf(&name, ".klp.rela.%s.%s", object, target_name) < 0)
		err(3, NULL);
	new_header = must(elf64_getshdr(new));
	new_header->sh_name = add_string(names, name);
	new_header->sh_type = SHT_RELA;
	new_header->sh_flags = SHF_ALLOC | SHF_INFO_LINK | SHF_RELA_LIVEPATCH;
	new_header->sh_link = header->sh_link;
	new_header->sh_info = header->sh_info;
	new_header->sh_entsize = sizeof(*relas);
}

int main(int argc, char *argv[])
{
	size_t names, nr_sections;
	Elf_Scn *scn = NULL;
	Elf64_Shdr *header;
	Elf_Data *data;
	int fd;

	if (argc < 3)
		errx(2, "usage: relocs FILE OBJECT MODULE.SYMBOL...");
	file = argv[1];
	fd = open(file, O_RDWR);
	if (fd < 0)
		err(3, "%s", file);
	elf_version(EV_CURRENT);
	elf = must(elf_begin(fd, ELF_C_RDWR, NULL));
	if (elf_getshdrstrndx(elf, &names) || elf_getshdrnum(elf, &nr_sections))
		must(NULL);
	do {
		scn = must(elf_nextscn(elf, scn));
		header = must(elf64_getshdr(scn));
	} while (header->sh_type != SHT_SYMTAB);

	data = must(elf_getdata(scn, NULL));
	symbols = data->d_buf;
	nr_symbols = data->d_size / sizeof(*symbols);
	symbol_names = header->sh_link;
	before = must(malloc(data->d_size));
	memcpy(before, symbols, data->d_size);
	is_live = must(calloc(nr_symbols, sizeof(*is_live)));
	for (int i = 3; i < argc; i++) {
		char *module = argv[i], *name = strchr(module, '.');
		size_t s = 1;

		if (!name)
			errx(2, "%s: no MODULE.SYMBOL", module);
		*name++ = '\0';
		while (s < nr_symbols && (before[s].st_shndx != SHN_UNDEF || strcmp(name_of(s), name)))
			s++;
		if (s == nr_symbols)
			errx(3, "%s does not ask for %s", file, name);
		make_live(s, module);
	}
	elf_flagdata(data, ELF_C_SET, ELF_F_DIRTY);

	for (size_t i = 1; i < nr_sections; i++) {
		scn = must(elf_getscn(elf, i));
		if (((Elf64_Shdr *)must(elf64_getshdr(scn)))->sh_type == SHT_RELA)
			split(scn, argv[2], names);
	}
	if (elf_update(elf, ELF_C_WRITE) < 0)
		must(NULL);
	return 0;
}
