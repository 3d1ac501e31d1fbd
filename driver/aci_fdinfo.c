// SPDX-License-Identifier: GPL-2.0
/*
 * fdinfo: engine time and memory of a client.
 */

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>

#include "aci_device.h"
#include "aci_fdinfo.h"
#include "aci_gem.h"
#include "aci_queue.h"

static void aci_fdinfo_show_engines(struct drm_printer *p, struct aci_file *afile)
{
	u64 ns[ACI_ENGINE_CLASSES_MAX] = {};
	struct aci_device *adev = afile->adev;
	struct aci_queue *queue;
	unsigned long id;
	unsigned int i;

	xa_lock(&afile->queues);
	for (i = 0; i < adev->caps.engine_classes; i++)
		ns[i] = atomic64_read(&afile->retired_ns[i]);
	xa_for_each(&afile->queues, id, queue)
		ns[queue->engine_class] += aci_queue_active_ns(queue);
	xa_unlock(&afile->queues);
	for (i = 0; i < adev->caps.engine_classes; i++) {
		const char *name = adev->identify.engine_names[i];
		u32 count = le32_to_cpu(adev->identify.engines[i]->count);

		drm_printf(p, "drm-engine-%s:\t%llu ns\n", name, ns[i]);
		if (count > 1)
			drm_printf(p, "drm-engine-capacity-%s:\t%u\n", name, count);
	}
}

static void aci_fdinfo_add(struct drm_memory_stats *stats, const struct drm_gem_object *obj,
			   bool resident)
{
	if (obj->handle_count > 1)
		stats->shared += obj->size;
	else
		stats->private += obj->size;
	if (resident)
		stats->resident += obj->size;
}

static void aci_fdinfo_show_memory(struct drm_printer *p, struct drm_file *file)
{
	struct drm_memory_stats host = {}, card = {};
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		struct aci_bo *bo = to_aci_bo(obj);

		if (aci_bo_is_card(bo))
			aci_fdinfo_add(&card, obj, true);
		else
			aci_fdinfo_add(&host, obj, bo->shmem.pages || bo->shmem.sgt);
	}
	spin_unlock(&file->table_lock);
	drm_print_memory_stats(p, &host, DRM_GEM_OBJECT_RESIDENT, "system");
	drm_print_memory_stats(p, &card, DRM_GEM_OBJECT_RESIDENT, "card");
}

/**
 * aci_fdinfo_show() - print keys for /proc/PID/fdinfo
 * @p: printer
 * @file: client
 */
void aci_fdinfo_show(struct drm_printer *p, struct drm_file *file)
{
	aci_fdinfo_show_engines(p, file->driver_priv);
	aci_fdinfo_show_memory(p, file);
}
