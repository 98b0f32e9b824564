/*
 * What Linux has and Swift's Glibc module does not show: prctl() is variadic, secure_getenv() a GNU extension.
 * Each can go when that module has it.
 */
#ifndef LATCHKEY_LINUX_SHIM_H
#define LATCHKEY_LINUX_SHIM_H

#include <sys/prctl.h>

/* Declared here because <stdlib.h> hides it without _GNU_SOURCE. */
extern char *secure_getenv(const char *name);

/* Lets no other process of the account read this one's memory, and no core dump hold it. */
static inline int
linux_forbid_dumps(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

#endif /* LATCHKEY_LINUX_SHIM_H */
