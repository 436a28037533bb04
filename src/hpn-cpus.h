/* SPDX-License-Identifier: ISC */
/*
 * hpn-cpus: how many CPUs this process may use.
 *
 * This is the least of three numbers:
 * - the CPUs that exist
 * - the CPUs that the affinity allows (sched_getaffinity(2))
 * - the CPU time that control groups allow (cpu.max of version 2,
 *   cpu.cfs_quota_us of version 1), of its group and of every group above
 * It reads a few small files, so ask once and not in a sandbox.  No state.
 * Compiles without the OpenSSH tree.
 */
#ifndef HPN_CPUS_H
#define HPN_CPUS_H

#include <stddef.h>

/* A control group that sets no limit. */
#define HPN_CPUS_UNLIMITED	(~0U)

/*
 * Whole CPUs, at least 1.  A part of a CPU does not count, because a thread on
 * it would stand still for most of the time.
 */
unsigned int hpn_cpus(void);

/*
 * What the files say, in thousandths of a CPU.  HPN_CPUS_UNLIMITED: no limit,
 * or a text that we do not understand.  `max` is the text of cpu.max ("MAX
 * PERIOD" or "max PERIOD").  quota and period are the texts of
 * cpu.cfs_quota_us and cpu.cfs_period_us.
 */
unsigned int hpn_cpus_parse_max(const char *max);
unsigned int hpn_cpus_parse_quota(const char *quota, const char *period);

/*
 * The path of this process's group from the text of /proc/self/cgroup: of
 * version 2, or of the version 1 hierarchy with the controller "cpu".  Written
 * to path, with size bytes of room.  0, or -1 if there is none or no room.
 */
int hpn_cpus_parse_group(const char *text, int version, char *path,
    size_t size);

/*
 * The limit of the groups in a file like /proc/self/cgroup, whose hierarchies
 * are mounted below a folder like /sys/fs/cgroup.  In thousandths of a CPU.
 */
unsigned int hpn_cpus_groups(const char *self, const char *mount);

#endif /* HPN_CPUS_H */
