/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hwmon: temperature and power, from the last sample.
 */
#ifndef ACI_HWMON_H
#define ACI_HWMON_H

struct aci_device;

#if IS_ENABLED(CONFIG_HWMON)
int aci_hwmon_init(struct aci_device *adev);
#else
static inline int aci_hwmon_init(struct aci_device *adev)
{
	return 0;
}
#endif

#endif /* ACI_HWMON_H */
