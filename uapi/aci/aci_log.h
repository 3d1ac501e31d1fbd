/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: log pages (telemetry).
 *
 * A page starts with its version and size; later versions only append.
 * A value that the card cannot tell is all ones. Text: Documentation/aci/logs.rst.
 */
#ifndef _UAPI_ACI_LOG_H_
#define _UAPI_ACI_LOG_H_

#include <linux/types.h>

#define ACI_LOG_HEALTH			1	/* struct aci_log_health */
#define ACI_LOG_ENGINES			2	/* struct aci_log_engines */
#define ACI_LOG_FIRMWARE		3	/* struct aci_log_firmware */

#define ACI_LOG_UNKNOWN32		0xffffffffu
#define ACI_LOG_UNKNOWN64		0xffffffffffffffffull

struct aci_log_header {
	__le16 version;		/* of the page: 1 */
	__le16 reserved;
	__le32 bytes;		/* size of the page */
	__le64 timestamp;	/* card TIMESTAMP of the sample */
};

struct aci_log_health {
	struct aci_log_header header;
	__le32 temperature_mc;		/* board, millidegrees Celsius, signed */
	__le32 temperature_max_mc;
	__le32 power_mw;
	__le32 power_limit_mw;
	__le32 clock_khz;
	__le32 throttle;		/* ACI_THROTTLE_* */
	__le64 ecc_corrected;
	__le64 ecc_uncorrected;
	__le64 power_on_seconds;
	__le32 warnings;		/* sticky ACI_HEALTH_* */
	__le32 reserved;
};

#define ACI_THROTTLE_THERMAL		(1u << 0)
#define ACI_THROTTLE_POWER		(1u << 1)
#define ACI_HEALTH_OVER_TEMPERATURE	(1u << 0)
#define ACI_HEALTH_ECC			(1u << 1)
#define ACI_HEALTH_FIRMWARE		(1u << 2)

#define ACI_LOG_ENGINE_CLASSES		8

struct aci_log_engine {
	__le64 busy_ns;			/* summed over the class's engines */
	__le64 descriptors;		/* completed */
	__le64 operations;		/* tensor operations completed */
	__le64 macs;
	__le64 bytes;
	__le64 reserved[3];
};

struct aci_log_engines {
	struct aci_log_header header;
	struct aci_log_engine engines[ACI_LOG_ENGINE_CLASSES];
};

struct aci_log_firmware {
	struct aci_log_header header;
	__le32 active_slot;
	__le32 next_slot;
	char version[4][32];		/* by slot; empty: none */
};

#endif /* _UAPI_ACI_LOG_H_ */
