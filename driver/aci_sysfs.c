// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs attributes.
 */

#include <linux/sysfs.h>
#include <aci/aci_regs.h>

#include "aci_device.h"
#include "aci_reset.h"
#include "aci_sysfs.h"

static const char * const aci_sysfs_states[] = {
	[ACI_STATE_OK] = "ok",
	[ACI_STATE_RESETTING] = "resetting",
	[ACI_STATE_ASLEEP] = "asleep",
	[ACI_STATE_WEDGED] = "wedged",
	[ACI_STATE_GONE] = "gone",
};

#define ACI_SYSFS_RO(name, format, ...)						\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr,	\
			   char *buf)						\
{										\
	struct aci_device *adev = dev_get_drvdata(dev);				\
										\
	return sysfs_emit(buf, format "\n", __VA_ARGS__);			\
}										\
static DEVICE_ATTR_RO(name)

ACI_SYSFS_RO(serial, "%s", adev->identify.serial);
ACI_SYSFS_RO(model, "%s", adev->identify.model);
ACI_SYSFS_RO(vendor_name, "%s", adev->identify.vendor);
ACI_SYSFS_RO(firmware_version, "%s", adev->identify.firmware);
ACI_SYSFS_RO(aci_version, "%u.%u", adev->caps.version >> 16, adev->caps.version & 0xffff);
ACI_SYSFS_RO(state, "%s", aci_sysfs_states[aci_get_state(adev)]);
ACI_SYSFS_RO(reset_generation, "%llu", READ_ONCE(adev->reset_generation));
ACI_SYSFS_RO(card_memory_bytes, "%llu", adev->vram.bytes);
ACI_SYSFS_RO(card_memory_free_bytes, "%llu", aci_vram_available(adev, false));
ACI_SYSFS_RO(card_memory_dirty_bytes, "%llu", aci_vram_dirty(adev));
ACI_SYSFS_RO(card_memory_quarantined_bytes, "%llu", READ_ONCE(adev->vram.quarantined_bytes));
ACI_SYSFS_RO(queues_max, "%u", adev->caps.queues);
ACI_SYSFS_RO(queues_in_use, "%u", atomic_read(&adev->queues_in_use));
ACI_SYSFS_RO(heartbeat_age_ms, "%llu", aci_telemetry_heartbeat_age_ms(adev));

static int aci_sysfs_emit32(char *buf, int at, const char *key, __le32 value)
{
	if (value == cpu_to_le32(ACI_LOG_UNKNOWN32))
		return at;
	return at + sysfs_emit_at(buf, at, "%s %u\n", key, le32_to_cpu(value));
}

static int aci_sysfs_emit64(char *buf, int at, const char *key, __le64 value)
{
	if (value == cpu_to_le64(ACI_LOG_UNKNOWN64))
		return at;
	return at + sysfs_emit_at(buf, at, "%s %llu\n", key, le64_to_cpu(value));
}

static int aci_sysfs_emit_health(char *buf, int at, const struct aci_log_health *health)
{
	if (health->temperature_mc != cpu_to_le32(ACI_LOG_UNKNOWN32))
		at += sysfs_emit_at(buf, at, "temperature_mc %d\n",
				    (s32)le32_to_cpu(health->temperature_mc));
	if (health->temperature_max_mc != cpu_to_le32(ACI_LOG_UNKNOWN32))
		at += sysfs_emit_at(buf, at, "temperature_max_mc %d\n",
				    (s32)le32_to_cpu(health->temperature_max_mc));
	at = aci_sysfs_emit32(buf, at, "power_mw", health->power_mw);
	at = aci_sysfs_emit32(buf, at, "power_limit_mw", health->power_limit_mw);
	at = aci_sysfs_emit32(buf, at, "clock_khz", health->clock_khz);
	at = aci_sysfs_emit32(buf, at, "throttle", health->throttle);
	at = aci_sysfs_emit64(buf, at, "ecc_corrected", health->ecc_corrected);
	at = aci_sysfs_emit64(buf, at, "ecc_uncorrected", health->ecc_uncorrected);
	at = aci_sysfs_emit64(buf, at, "power_on_seconds", health->power_on_seconds);
	return aci_sysfs_emit32(buf, at, "warnings", health->warnings);
}

static int aci_sysfs_emit_engine(struct aci_device *adev, char *buf, int at, unsigned int class,
				 const struct aci_log_engine *engine)
{
	const struct {
		const char *name;
		__le64 value;
	} values[] = {
		{ "busy_ns", engine->busy_ns },
		{ "descriptors", engine->descriptors },
		{ "operations", engine->operations },
		{ "macs", engine->macs },
		{ "bytes", engine->bytes },
	};
	unsigned int i;
	char key[48];

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(key, sizeof(key), "engine.%s.%s", adev->identify.engine_names[class],
			 values[i].name);
		at = aci_sysfs_emit64(buf, at, key, values[i].value);
	}
	return at;
}

static ssize_t telemetry_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	struct aci_sample *sample;
	unsigned int i;
	u64 age_ms;
	int at = 0;

	sample = kmalloc_obj(*sample, GFP_KERNEL);
	if (!sample)
		return -ENOMEM;
	if (aci_telemetry_read(adev, sample, &age_ms)) {
		at += sysfs_emit_at(buf, at, "age_ms %llu\nstale %d\n", age_ms,
				    aci_telemetry_is_stale(adev));
		at = aci_sysfs_emit_health(buf, at, &sample->health);
		for (i = 0; i < adev->caps.engine_classes; i++)
			at = aci_sysfs_emit_engine(adev, buf, at, i, &sample->engines.engines[i]);
	}
	kfree(sample);
	return at;
}
static DEVICE_ATTR_RO(telemetry);

static ssize_t reset_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct aci_device *adev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", aci_reset_caps(adev, ACI_RESET_CARD) &
			  ACI_RESET_CAP_SUPPORTED ? "card" : "");
}

/* The same resets as those of a card that does not answer, each with its bound. */
static ssize_t reset_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	u64 generation = READ_ONCE(adev->reset_generation);
	int ret;

	if (!sysfs_streq(buf, "card"))
		return -EINVAL;
	if (!(aci_reset_caps(adev, ACI_RESET_CARD) & ACI_RESET_CAP_SUPPORTED))
		return -EOPNOTSUPP;
	ret = aci_pm_get(adev);
	if (ret)
		return aci_is_dead(adev) ? -ENODEV : ret;
	aci_reset_and_wait(adev, generation, "asked for through sysfs");
	ret = aci_reset_await_end(adev);
	if (!ret && READ_ONCE(adev->reset_generation) == generation)
		ret = aci_is_dead(adev) ? -ENODEV : -EAGAIN;
	aci_pm_put(adev);
	return ret ?: count;
}
static DEVICE_ATTR_RW(reset);

static struct attribute *aci_sysfs_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_model.attr,
	&dev_attr_vendor_name.attr,
	&dev_attr_firmware_version.attr,
	&dev_attr_aci_version.attr,
	&dev_attr_state.attr,
	&dev_attr_reset_generation.attr,
	&dev_attr_card_memory_bytes.attr,
	&dev_attr_card_memory_free_bytes.attr,
	&dev_attr_card_memory_dirty_bytes.attr,
	&dev_attr_card_memory_quarantined_bytes.attr,
	&dev_attr_queues_max.attr,
	&dev_attr_queues_in_use.attr,
	&dev_attr_heartbeat_age_ms.attr,
	&dev_attr_telemetry.attr,
	&dev_attr_reset.attr,
	NULL
};

static const struct attribute_group aci_sysfs_group = {
	.name = "aci",
	.attrs = aci_sysfs_attrs,
};

const struct attribute_group *aci_sysfs_groups[] = {
	&aci_sysfs_group,
	NULL
};
