/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Syncobjs of a job. Process context, no locks held.
 */
#ifndef ACI_SYNC_H
#define ACI_SYNC_H

struct aci_job;
struct drm_aci_array;
struct drm_file;

int aci_sync_parse(struct aci_job *job, struct drm_file *file, const struct drm_aci_array *array);
void aci_sync_publish_outs(struct aci_job *job);
void aci_sync_drop_outs(struct aci_job *job);

#endif /* ACI_SYNC_H */
