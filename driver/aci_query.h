/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QUERY: facts that the driver has at hand; nothing here asks the card.
 */
#ifndef ACI_QUERY_H
#define ACI_QUERY_H

struct drm_device;
struct drm_file;

int aci_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* ACI_QUERY_H */
