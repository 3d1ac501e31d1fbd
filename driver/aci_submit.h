/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SUBMIT. No locks held on entry.
 */
#ifndef ACI_SUBMIT_H
#define ACI_SUBMIT_H

struct drm_device;
struct drm_file;

int aci_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* ACI_SUBMIT_H */
