/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ladder of resets that reach the whole card: card reset, Function Level
 * Reset, bus reset. A rung is tried when the one below it failed, and each is
 * given the time that the card states. What a single queue needs is in
 * aci_recovery.c, what follows a reset in aci_reset.c.
 */
#ifndef ACI_LADDER_H
#define ACI_LADDER_H

struct aci_device;

int aci_ladder_init(struct aci_device *adev);
int aci_ladder_climb(struct aci_device *adev, unsigned int *level, unsigned int *kept);
int aci_ladder_restore(struct aci_device *adev);

#endif /* ACI_LADDER_H */
