// SPDX-License-Identifier: GPL-2.0
/*
 * hwmon.
 */

#include <linux/hwmon.h>

#include "aci_device.h"
#include "aci_hwmon.h"
#include "aci_pm.h"

#define ACI_HWMON_UW_PER_MW	1000

static umode_t aci_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				    int channel)
{
	return type == hwmon_power && attr == hwmon_power_cap ? 0644 : 0444;
}

static int aci_hwmon_value(__le32 raw, long unit, long *value)
{
	if (raw == cpu_to_le32(ACI_LOG_UNKNOWN32))
		return -ENODATA;
	*value = (s32)le32_to_cpu(raw) * unit;
	return 0;
}

static int aci_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
			  long *value)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	struct aci_sample *sample;
	int ret = -EOPNOTSUPP;
	u64 age_ms;

	sample = kmalloc_obj(*sample, GFP_KERNEL);
	if (!sample)
		return -ENOMEM;
	if (!aci_telemetry_read(adev, sample, &age_ms))
		ret = -ENODATA;
	else if (type == hwmon_temp && attr == hwmon_temp_input)
		ret = aci_hwmon_value(sample->health.temperature_mc, 1, value);
	else if (type == hwmon_temp && attr == hwmon_temp_crit)
		ret = aci_hwmon_value(sample->health.temperature_max_mc, 1, value);
	else if (type == hwmon_power && attr == hwmon_power_average)
		ret = aci_hwmon_value(sample->health.power_mw, ACI_HWMON_UW_PER_MW, value);
	else if (type == hwmon_power && attr == hwmon_power_cap)
		ret = aci_hwmon_value(sample->health.power_limit_mw, ACI_HWMON_UW_PER_MW, value);
	kfree(sample);
	return ret;
}

static int aci_hwmon_write(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
			   long value)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_SET_FEATURE,
		.cmd.feature.feature_id = cpu_to_le32(ACI_FEATURE_POWER_LIMIT_MW),
	};
	int ret, idx;

	if (type != hwmon_power || attr != hwmon_power_cap)
		return -EOPNOTSUPP;
	if (value < 0)
		return -EINVAL;
	req.cmd.feature.value = cpu_to_le64(value / ACI_HWMON_UW_PER_MW);
	if (!drm_dev_enter(&adev->drm, &idx))
		return -ENODEV;
	ret = aci_pm_get(adev);
	if (!ret) {
		down_read(&adev->reset_sem);
		ret = aci_is_ok(adev) ? aci_admin_exec(adev, &req) : -ENODEV;
		up_read(&adev->reset_sem);
		if (!ret)
			aci_telemetry_kick(adev);
		aci_pm_put(adev);
	}
	drm_dev_exit(idx);
	return ret;
}

static const struct hwmon_ops aci_hwmon_ops = {
	.is_visible = aci_hwmon_is_visible,
	.read = aci_hwmon_read,
	.write = aci_hwmon_write,
};

static const struct hwmon_channel_info * const aci_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_CRIT),
	HWMON_CHANNEL_INFO(power, HWMON_P_AVERAGE | HWMON_P_CAP),
	NULL
};

static const struct hwmon_chip_info aci_hwmon_chip = {
	.ops = &aci_hwmon_ops,
	.info = aci_hwmon_channels,
};

/**
 * aci_hwmon_init() - register with hwmon
 * @adev: device
 *
 * Return: 0 or a negative error.
 */
int aci_hwmon_init(struct aci_device *adev)
{
	struct device *hwmon;

	hwmon = devm_hwmon_device_register_with_info(&adev->pdev->dev, "aci", adev,
						     &aci_hwmon_chip, NULL);
	return PTR_ERR_OR_ZERO(hwmon);
}
