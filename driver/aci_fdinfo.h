/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fdinfo: what a client uses.
 */
#ifndef ACI_FDINFO_H
#define ACI_FDINFO_H

struct drm_file;
struct drm_printer;

void aci_fdinfo_show(struct drm_printer *p, struct drm_file *file);

#endif /* ACI_FDINFO_H */
