/*
 * Functions of Linux that Swift's Glibc module does not import: prctl() and syscall() are variadic, and
 * secure_getenv() is a GNU extension.  Each can go when that module has it.
 */
#ifndef LATCHKEY_LINUX_SHIM_H
#define LATCHKEY_LINUX_SHIM_H

#include <linux/capability.h>
#include <malloc.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern long syscall(long number, ...);

/* Declared here because <stdlib.h> hides it without _GNU_SOURCE. */
extern char *secure_getenv(const char *name);

/* Keeps this process's memory from other processes of its account, and out of core dumps. */
static inline int
linux_forbid_dumps(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Overwrites memory as soon as it is freed. */
static inline int
linux_overwrite_freed_memory(void)
{
    return mallopt(M_PERTURB, 0xA5);
}

/* Whether this program's file gave the process capabilities that its caller lacks. */
static inline int
linux_has_capabilities_of_file(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    if (getauxval(AT_SECURE) == 0 || getuid() == 0) {
        return 0;
    }

    return syscall(SYS_capget, &header, data) != 0 || data[0].permitted != 0 || data[1].permitted != 0;
}

#endif /* LATCHKEY_LINUX_SHIM_H */
