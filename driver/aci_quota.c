// SPDX-License-Identifier: GPL-2.0
/*
 * Quotas: what one user may have of a card.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "aci_device.h"

static unsigned int aci_quota_queues;
module_param_named(user_queues, aci_quota_queues, uint, 0644);
MODULE_PARM_DESC(user_queues, "Queues of a card that one user may have (0: half of them)");

static unsigned int aci_quota_vms;
module_param_named(user_vms, aci_quota_vms, uint, 0644);
MODULE_PARM_DESC(user_vms, "VMs of a card that one user may have (0: half of them)");

static unsigned int aci_quota_pinned_mib;
module_param_named(user_pinned_mib, aci_quota_pinned_mib, uint, 0644);
MODULE_PARM_DESC(user_pinned_mib,
		 "MiB of memory that one user may have pinned for a card (0: half of all memory)");

static u64 aci_quota_limit(const struct aci_device *adev, enum aci_quota_kind kind)
{
	u64 set, all;

	switch (kind) {
	case ACI_QUOTA_QUEUES:
		set = READ_ONCE(aci_quota_queues);
		all = adev->caps.queues;
		break;
	case ACI_QUOTA_VMS:
		set = READ_ONCE(aci_quota_vms);
		all = adev->caps.vms;
		break;
	default:
		set = (u64)READ_ONCE(aci_quota_pinned_mib) * (SZ_1M / PAGE_SIZE);
		all = totalram_pages();
		break;
	}
	return set ?: max(all / 2, 1ull);
}

/**
 * aci_quota_init() - set up
 * @adev: new device
 */
void aci_quota_init(struct aci_device *adev)
{
	spin_lock_init(&adev->quotas.lock);
	INIT_LIST_HEAD(&adev->quotas.users);
}

/* The caller's record; @fresh becomes it if there is none, and NULL then. */
static struct aci_quota_user *aci_quota_get_locked(struct aci_quotas *quotas,
						   struct aci_quota_user **fresh)
{
	struct aci_quota_user *user;

	lockdep_assert_held(&quotas->lock);
	list_for_each_entry(user, &quotas->users, node)
		if (uid_eq(user->uid, current_uid()))
			return user;
	user = *fresh;
	*fresh = NULL;
	user->uid = current_uid();
	list_add(&user->node, &quotas->users);
	return user;
}

static bool aci_quota_is_unused(const struct aci_quota_user *user)
{
	unsigned int i;

	for (i = 0; i < ACI_QUOTA_KINDS; i++)
		if (user->used[i])
			return false;
	return true;
}

/* Returns the record if nobody needs it any more: to be freed without the lock. */
static struct aci_quota_user *aci_quota_drop_locked(struct aci_quota_user *user)
{
	if (!aci_quota_is_unused(user))
		return NULL;
	list_del(&user->node);
	return user;
}

/**
 * aci_quota_charge() - the caller gets more
 * @adev: device
 * @kind: of what
 * @amount: how much, not 0
 *
 * Return: the record for aci_quota_uncharge(), or an error pointer: -EDQUOT,
 * -ENOMEM.
 */
struct aci_quota_user *aci_quota_charge(struct aci_device *adev, enum aci_quota_kind kind,
					u64 amount)
{
	struct aci_quota_user *fresh, *user, *unused = NULL;
	u64 limit = aci_quota_limit(adev, kind);

	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		limit = U64_MAX;
	fresh = kzalloc_obj(*fresh, GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	spin_lock(&adev->quotas.lock);
	user = aci_quota_get_locked(&adev->quotas, &fresh);
	if (user->used[kind] + amount > limit) {
		unused = aci_quota_drop_locked(user);
		user = ERR_PTR(-EDQUOT);
	} else {
		user->used[kind] += amount;
	}
	spin_unlock(&adev->quotas.lock);
	kfree(fresh);
	kfree(unused);
	if (IS_ERR(user))
		drm_dbg(&adev->drm, "quota %d of %llu exceeded\n", kind, limit);
	return user;
}

/**
 * aci_quota_uncharge() - what was charged is over
 * @adev: device
 * @user: record
 * @kind: of what
 * @amount: how much
 */
void aci_quota_uncharge(struct aci_device *adev, struct aci_quota_user *user,
			enum aci_quota_kind kind, u64 amount)
{
	struct aci_quota_user *unused;

	spin_lock(&adev->quotas.lock);
	user->used[kind] -= amount;
	unused = aci_quota_drop_locked(user);
	spin_unlock(&adev->quotas.lock);
	kfree(unused);
}
