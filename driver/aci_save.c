// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory while the system sleeps.
 */

#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <linux/pagemap.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <aci/aci_queue.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_mmio.h"
#include "aci_reset.h"
#include "aci_save.h"

/* The card knows no others while a copy is made. */
#define ACI_SAVE_VM_ID		1
#define ACI_SAVE_QUEUE_ID	0

#define ACI_SAVE_VA_START	SZ_2M
#define ACI_SAVE_RING_ENTRIES	64
#define ACI_SAVE_COPY_BYTES	SZ_16M

/* For a full ring of copies: slower than any card. */
#define ACI_SAVE_TIMEOUT	(60 * HZ)

/**
 * struct aci_save_entry - room for one BO
 */
struct aci_save_entry {
	/** @node: in aci_save.entries */
	struct list_head node;
	/** @card: the BO; forgets the entry when it is freed */
	struct aci_bo *card;
	/** @host: the room */
	struct aci_bo *host;
	/** @card_va: address of @card */
	u64 card_va;
	/** @host_va: address of @host */
	u64 host_va;
};

/**
 * struct aci_save_queue - a queue as the card sees it
 */
struct aci_save_queue {
	/** @record: control record */
	struct aci_queue_record record;
	/** @user_page: in the second page */
	struct aci_queue_user_page user_page __aligned(ACI_PAGE_SIZE);
	/** @page_list: in the third page */
	__le64 page_list __aligned(ACI_PAGE_SIZE);
	/** @ring: in the fourth page */
	struct aci_desc ring[ACI_SAVE_RING_ENTRIES] __aligned(ACI_PAGE_SIZE);
	/** @dma: address for the card; behind what the card knows */
	dma_addr_t dma;
	/** @tail: descriptors written */
	u64 tail;
};

/**
 * aci_save_init() - set up
 * @adev: new device
 *
 * Return: 0 or a negative error.
 */
int aci_save_init(struct aci_device *adev)
{
	init_waitqueue_head(&adev->save.wait);
	INIT_LIST_HEAD(&adev->save.entries);
	return drmm_mutex_init(&adev->drm, &adev->save.lock);
}

static int aci_save_start_locked(struct aci_device *adev)
{
	struct aci_save *save = &adev->save;
	struct aci_save_queue *queue;
	dma_addr_t dma;
	int ret;

	if (save->ready)
		return 0;
	queue = dma_alloc_coherent(&adev->pdev->dev, sizeof(*queue), &dma, GFP_KERNEL);
	if (!queue)
		return -ENOMEM;
	queue->dma = dma;
	ret = aci_pt_init(&save->pt, adev);
	if (ret) {
		dma_free_coherent(&adev->pdev->dev, sizeof(*queue), queue, dma);
		return ret;
	}
	save->queue = queue;
	save->next_va = ACI_SAVE_VA_START;
	save->ready = true;
	return 0;
}

/* The card does not know the tables now: there is nothing to invalidate. */
static int aci_save_map_locked(struct aci_save *save, struct aci_bo *bo, u64 *va)
{
	struct aci_inval_batch batch = {};
	struct aci_pt_change change = {
		.bo = bo,
		.va = save->next_va,
		.bytes = bo->shmem.base.size,
	};
	int ret;

	ret = aci_pt_plan(&save->pt, &change);
	if (ret)
		return ret;
	mutex_lock(&save->pt.lock);
	aci_pt_execute(&save->pt, &change, &batch);
	mutex_unlock(&save->pt.lock);
	*va = change.va;
	save->next_va += ALIGN(change.bytes, SZ_2M);
	return 0;
}

static void aci_save_unmap_locked(struct aci_save *save, u64 va, u64 bytes)
{
	struct aci_pt_change change = {
		.va = va,
		.bytes = bytes,
	};
	struct aci_inval_batch batch = {};
	LIST_HEAD(tables);

	/* Cannot fail: leaves are not cut. */
	if (aci_pt_plan(&save->pt, &change))
		return;
	mutex_lock(&save->pt.lock);
	aci_pt_execute(&save->pt, &change, &batch);
	list_splice_init(&save->pt.garbage, &tables);
	mutex_unlock(&save->pt.lock);
	aci_pt_free_list(save->pt.adev, &tables);
}

static int aci_save_add_locked(struct aci_save *save, struct aci_save_entry *entry)
{
	int ret;

	if (!save->ready || entry->card->save)
		return -EALREADY;
	ret = aci_save_map_locked(save, entry->card, &entry->card_va);
	if (ret)
		return ret;
	ret = aci_save_map_locked(save, entry->host, &entry->host_va);
	if (ret) {
		aci_save_unmap_locked(save, entry->card_va, entry->card->shmem.base.size);
		return ret;
	}
	entry->card->save = entry;
	list_add_tail(&entry->node, &save->entries);
	return 0;
}

/**
 * aci_save_add() - make room for a BO, if card memory is about to be saved
 * @adev: device
 * @bo: card BO, which the caller holds
 *
 * Return: 0 or a negative error.
 */
int aci_save_add(struct aci_device *adev, struct aci_bo *bo)
{
	bool snoop = adev->caps.cap & ACI_CAP_SNOOP;
	struct aci_save *save = &adev->save;
	struct aci_save_entry *entry;
	struct address_space *mapping;
	int ret;

	if (!READ_ONCE(save->ready))
		return 0;
	entry = kzalloc_obj(*entry, GFP_KERNEL);
	if (!entry)
		return -ENOMEM;
	entry->card = bo;
	entry->host = aci_gem_create_host(adev, bo->shmem.base.size, !snoop);
	if (IS_ERR(entry->host)) {
		ret = PTR_ERR(entry->host);
		kfree(entry);
		return ret;
	}
	/* Rather no sleep than a process killed for it. */
	mapping = entry->host->shmem.base.filp->f_mapping;
	mapping_set_gfp_mask(mapping, mapping_gfp_mask(mapping) | __GFP_RETRY_MAYFAIL |
			     __GFP_NOWARN);
	ret = aci_gem_prepare_own(entry->host);
	if (!ret) {
		mutex_lock(&save->lock);
		ret = aci_save_add_locked(save, entry);
		mutex_unlock(&save->lock);
	}
	if (ret) {
		drm_gem_object_put(&entry->host->shmem.base);
		kfree(entry);
	}
	return ret == -EALREADY ? 0 : ret;
}

static void aci_save_free_entry(struct aci_save_entry *entry)
{
	drm_gem_object_put(&entry->host->shmem.base);
	kfree(entry);
}

static void aci_save_drop_locked(struct aci_save *save, struct aci_save_entry *entry)
{
	u64 bytes = entry->card->shmem.base.size;

	aci_save_unmap_locked(save, entry->card_va, bytes);
	aci_save_unmap_locked(save, entry->host_va, bytes);
	list_del(&entry->node);
	entry->card->save = NULL;
}

/**
 * aci_save_forget() - give up a BO's room
 * @bo: card BO without users
 */
void aci_save_forget(struct aci_bo *bo)
{
	struct aci_save *save = &to_aci_device(bo->shmem.base.dev)->save;
	struct aci_save_entry *entry;

	if (!READ_ONCE(bo->save))
		return;
	mutex_lock(&save->lock);
	entry = bo->save;
	if (entry)
		aci_save_drop_locked(save, entry);
	mutex_unlock(&save->lock);
	if (entry)
		aci_save_free_entry(entry);
}

/* All card BOs, with references. Later ones get their room by themselves. */
static struct aci_bo **aci_save_get_bos(struct aci_device *adev, unsigned int *count)
{
	struct aci_bo **bos = NULL;
	unsigned int room = 0, n;
	struct aci_bo *bo;

	do {
		kvfree(bos);
		room += SZ_1K + room / 2;
		bos = kvmalloc_array(room, sizeof(*bos), GFP_KERNEL);
		if (!bos)
			return NULL;
		n = 0;
		mutex_lock(&adev->bo_lock);
		list_for_each_entry(bo, &adev->bos, node) {
			if (!aci_bo_is_card(bo) || !kref_get_unless_zero(&bo->shmem.base.refcount))
				continue;
			bos[n++] = bo;
			if (n == room)
				break;
		}
		mutex_unlock(&adev->bo_lock);
		*count = n;
		/* Perhaps not all: again with more room. */
		if (n == room)
			while (n)
				drm_gem_object_put(&bos[--n]->shmem.base);
	} while (*count == room);
	return bos;
}

/**
 * aci_save_prepare() - make room for all card memory that is in use
 * @adev: device; user space is not frozen yet
 *
 * Return: 0 or a negative error; then there is no room.
 */
int aci_save_prepare(struct aci_device *adev)
{
	struct aci_bo **bos;
	unsigned int count, i;
	int ret;

	mutex_lock(&adev->save.lock);
	ret = aci_save_start_locked(adev);
	mutex_unlock(&adev->save.lock);
	if (ret)
		return ret;
	bos = aci_save_get_bos(adev, &count);
	if (!bos) {
		ret = -ENOMEM;
		count = 0;
	}
	for (i = 0; i < count; i++) {
		ret = ret ?: aci_save_add(adev, bos[i]);
		drm_gem_object_put(&bos[i]->shmem.base);
	}
	kvfree(bos);
	if (ret)
		aci_save_discard(adev);
	return ret;
}

/**
 * aci_save_discard() - give up all room
 * @adev: device
 */
void aci_save_discard(struct aci_device *adev)
{
	struct aci_save *save = &adev->save;
	struct aci_save_entry *entry, *next;
	LIST_HEAD(entries);

	mutex_lock(&save->lock);
	if (save->ready) {
		list_for_each_entry_safe(entry, next, &save->entries, node) {
			aci_save_drop_locked(save, entry);
			list_add_tail(&entry->node, &entries);
		}
		aci_pt_fini(&save->pt);
		dma_free_coherent(&adev->pdev->dev, sizeof(*save->queue), save->queue,
				  save->queue->dma);
		save->queue = NULL;
		save->ready = false;
	}
	mutex_unlock(&save->lock);
	list_for_each_entry_safe(entry, next, &entries, node)
		aci_save_free_entry(entry);
}

/**
 * aci_save_is_complete() - does every card BO have its room?
 * @adev: device; user space is frozen
 *
 * Return: the answer.
 */
bool aci_save_is_complete(struct aci_device *adev)
{
	bool complete = true;
	struct aci_bo *bo;

	mutex_lock(&adev->bo_lock);
	list_for_each_entry(bo, &adev->bos, node)
		if (aci_bo_is_card(bo) && !bo->save)
			complete = false;
	mutex_unlock(&adev->bo_lock);
	return complete;
}

static int aci_save_create_on_card(struct aci_device *adev)
{
	struct aci_save_queue *queue = adev->save.queue;
	struct aci_admin_req vm = {
		.cmd.opcode = ACI_ADMIN_CREATE_VM,
		.cmd.create_vm.vm_id = cpu_to_le16(ACI_SAVE_VM_ID),
		.cmd.create_vm.root = cpu_to_le64(aci_pt_root_dma(&adev->save.pt)),
	};
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_CREATE_QUEUE,
		.cmd.create_queue = {
			.queue_id = cpu_to_le16(ACI_SAVE_QUEUE_ID),
			.vm_id = cpu_to_le16(ACI_SAVE_VM_ID),
			.engine_class = ACI_ENGINE_CLASS_COPY,
			.priority = ACI_PRIORITY_LOW,
			.ring_shift = ilog2(ACI_SAVE_RING_ENTRIES),
			.ring_pages = cpu_to_le64(queue->dma +
						  offsetof(struct aci_save_queue, page_list)),
			.record = cpu_to_le64(queue->dma),
			.user_page = cpu_to_le64(queue->dma +
						 offsetof(struct aci_save_queue, user_page)),
		},
	};
	int ret;

	memset(&queue->record, 0, sizeof(queue->record));
	memset(&queue->user_page, 0, sizeof(queue->user_page));
	queue->page_list = cpu_to_le64(queue->dma + offsetof(struct aci_save_queue, ring));
	queue->tail = 0;
	ret = aci_admin_exec(adev, &vm);
	return ret ?: aci_admin_exec(adev, &req);
}

/**
 * aci_save_handle_notification() - an entry was taken that may be of the copy
 * @adev: device
 * @queue_id: of a queue that is not in aci_device.queue_by_id
 *
 * Interrupt handler.
 */
void aci_save_handle_notification(struct aci_device *adev, unsigned int queue_id)
{
	struct aci_queue_record *record;

	if (!READ_ONCE(adev->save.copying) || queue_id != ACI_SAVE_QUEUE_ID)
		return;
	record = &adev->save.queue->record;
	WRITE_ONCE(record->notify_taken, cpu_to_le64(le64_to_cpu(record->notify_taken) + 1));
	/* Store notify_taken, then load completed; the card does the reverse. */
	mb();
	wake_up(&adev->save.wait);
}

static bool aci_save_is_over(const struct aci_save_queue *queue)
{
	return le64_to_cpu(READ_ONCE(queue->record.completed)) == queue->tail ||
	       le32_to_cpu(READ_ONCE(queue->record.state)) != ACI_QUEUE_STATE_RUNNING;
}

/* Have the card work off the ring. */
static int aci_save_flush(struct aci_device *adev)
{
	struct aci_save_queue *queue = adev->save.queue;
	void __iomem *doorbell = adev->doorbells;

	WRITE_ONCE(queue->record.notify_at, cpu_to_le64(queue->tail));
	dma_wmb();
	WRITE_ONCE(queue->user_page.tail, cpu_to_le64(queue->tail));
	/* Once for many megabytes: event_index need not be asked. */
	mb();
	writel(0, doorbell);
	if (adev->caps.cap & ACI_CAP_KICK)
		writel(0, doorbell + adev->caps.kick_offset);
	if (!wait_event_timeout(adev->save.wait, aci_save_is_over(queue), ACI_SAVE_TIMEOUT))
		return -ETIMEDOUT;
	return le64_to_cpu(READ_ONCE(queue->record.completed)) == queue->tail ? 0 : -EIO;
}

static int aci_save_push(struct aci_device *adev, u64 src, u64 dst, u64 bytes)
{
	struct aci_save_queue *queue = adev->save.queue;

	queue->ring[queue->tail % ACI_SAVE_RING_ENTRIES] = (struct aci_desc) {
		.opcode = ACI_OP_COPY,
		.copy.src = cpu_to_le64(src),
		.copy.dst = cpu_to_le64(dst),
		.copy.bytes = cpu_to_le64(bytes),
	};
	queue->tail++;
	return queue->tail % ACI_SAVE_RING_ENTRIES ? 0 : aci_save_flush(adev);
}

static int aci_save_copy_entry(struct aci_device *adev, const struct aci_save_entry *entry,
			       bool to_host)
{
	u64 limit = le64_to_cpu(adev->identify.card->copy_bytes_max) ?: U64_MAX;
	u64 from = to_host ? entry->card_va : entry->host_va;
	u64 to = to_host ? entry->host_va : entry->card_va;
	u64 left = entry->card->shmem.base.size;
	int ret = 0;

	while (left && !ret) {
		u64 part = min3(left, limit, (u64)ACI_SAVE_COPY_BYTES);

		ret = aci_save_push(adev, from, to, part);
		from += part;
		to += part;
		left -= part;
	}
	return ret;
}

static int aci_save_copy_all(struct aci_device *adev, bool to_host)
{
	struct aci_save_entry *entry;
	int ret;

	ret = aci_save_create_on_card(adev);
	list_for_each_entry(entry, &adev->save.entries, node)
		ret = ret ?: aci_save_copy_entry(adev, entry, to_host);
	return ret ?: aci_save_flush(adev);
}

/**
 * aci_save_copy() - save card memory, or restore it
 * @adev: device with a disabled card; the caller holds aci_save.lock, and
 *	reset_sem for writing
 * @to_host: save it
 *
 * The card is disabled again afterwards.
 *
 * Return: 0 or a negative error.
 */
int aci_save_copy(struct aci_device *adev, bool to_host)
{
	struct aci_save *save = &adev->save;
	struct aci_queue *owner;
	int ret, err;

	lockdep_assert_held(&save->lock);
	if (list_empty(&save->entries))
		return 0;
	mutex_lock(&adev->object_lock);
	owner = rcu_replace_pointer(adev->queue_by_id[ACI_SAVE_QUEUE_ID], NULL,
				    lockdep_is_held(&adev->object_lock));
	WRITE_ONCE(save->copying, true);
	ret = aci_reset_start(adev);
	ret = ret ?: aci_save_copy_all(adev, to_host);
	err = aci_reset_stop(adev);
	/* No handler is running any more. */
	WRITE_ONCE(save->copying, false);
	rcu_assign_pointer(adev->queue_by_id[ACI_SAVE_QUEUE_ID], owner);
	mutex_unlock(&adev->object_lock);
	return ret ?: err;
}
