/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Quotas: what one user may have of a card, so that nobody takes it all.
 *
 * Each object that counts holds the record of the user who made it, whoever
 * ends it. aci_quotas.lock is a leaf and protects list and records. A user
 * with CAP_SYS_RESOURCE is counted but not limited.
 */
#ifndef ACI_QUOTA_H
#define ACI_QUOTA_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct aci_device;

/**
 * enum aci_quota_kind - what is limited
 * @ACI_QUOTA_QUEUES: job queues
 * @ACI_QUOTA_VMS: address spaces
 * @ACI_QUOTA_PINNED: pages of processes and of host BOs that are pinned for the card
 * @ACI_QUOTA_KINDS: number of kinds
 */
enum aci_quota_kind {
	ACI_QUOTA_QUEUES,
	ACI_QUOTA_VMS,
	ACI_QUOTA_PINNED,
	ACI_QUOTA_KINDS,
};

/**
 * struct aci_quota_user - what a user has; exists while that is something
 */
struct aci_quota_user {
	/** @node: in aci_quotas.users */
	struct list_head node;
	/** @uid: the user */
	kuid_t uid;
	/** @used: by kind */
	u64 used[ACI_QUOTA_KINDS];
};

/**
 * struct aci_quotas - all users of a card
 */
struct aci_quotas {
	/** @lock: leaf */
	spinlock_t lock;
	/** @users: struct aci_quota_user */
	struct list_head users;
};

void aci_quota_init(struct aci_device *adev);
struct aci_quota_user *aci_quota_charge(struct aci_device *adev, enum aci_quota_kind kind,
					u64 amount);
void aci_quota_uncharge(struct aci_device *adev, struct aci_quota_user *user,
			enum aci_quota_kind kind, u64 amount);

#endif /* ACI_QUOTA_H */
