// SPDX-License-Identifier: GPL-2.0
/*
 * Identify.
 */

#include <linux/ctype.h>
#include <drm/drm_managed.h>

#include "aci_device.h"

static void *aci_identify_get(struct aci_device *adev, u32 what, u32 index)
{
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_IDENTIFY,
		.cmd.identify.what = cpu_to_le32(what),
		.cmd.identify.index = cpu_to_le32(index),
		.data_bytes = ACI_PAGE_SIZE,
	};
	int ret;

	req.out = drmm_kzalloc(&adev->drm, ACI_PAGE_SIZE, GFP_KERNEL);
	if (!req.out)
		return ERR_PTR(-ENOMEM);
	ret = aci_admin_exec(adev, &req);
	return ret ? ERR_PTR(ret) : req.out;
}

/* Text of the card for logs and sysfs: printable, terminated, without trailing blanks. */
static void aci_identify_text(char *to, const char *from, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes && from[i]; i++)
		to[i] = isascii(from[i]) && isprint(from[i]) ? from[i] : '?';
	while (i && to[i - 1] == ' ')
		i--;
	to[i] = '\0';
}

static void aci_identify_name(char *to, const char *from, size_t bytes, unsigned int index)
{
	char *p;

	aci_identify_text(to, from, bytes);
	for (p = to; *p; p++)
		*p = isalnum(*p) ? tolower(*p) : '-';
	if (to == p)
		snprintf(to, bytes, "class%u", index);
}

static int aci_identify_read_card(struct aci_device *adev)
{
	struct aci_identify *identify = &adev->identify;
	struct aci_identify_card *card;
	u32 sets;

	card = aci_identify_get(adev, ACI_IDENTIFY_CARD, 0);
	if (IS_ERR(card))
		return PTR_ERR(card);
	identify->card = card;
	aci_identify_text(identify->vendor, card->vendor, sizeof(card->vendor));
	aci_identify_text(identify->model, card->model, sizeof(card->model));
	aci_identify_text(identify->serial, card->serial, sizeof(card->serial));
	aci_identify_text(identify->firmware, card->firmware, sizeof(card->firmware));
	sets = le32_to_cpu(card->set_count);
	if (sets > ACI_SETS_MAX)
		drm_notice(&adev->drm, "using %u of %u command sets\n", ACI_SETS_MAX, sets);
	identify->set_count = min_t(u32, sets, ACI_SETS_MAX);
	return 0;
}

/**
 * aci_identify_read() - ask the card who it is
 * @adev: device with an enabled card
 *
 * Return: 0 or a negative error.
 */
int aci_identify_read(struct aci_device *adev)
{
	struct aci_identify *identify = &adev->identify;
	unsigned int i;
	int ret;

	ret = aci_identify_read_card(adev);
	if (ret)
		return ret;
	for (i = 0; i < adev->caps.engine_classes; i++) {
		struct aci_identify_engine *engine;

		engine = aci_identify_get(adev, ACI_IDENTIFY_ENGINE, i);
		if (IS_ERR(engine))
			return PTR_ERR(engine);
		identify->engines[i] = engine;
		aci_identify_name(identify->engine_names[i], engine->name, sizeof(engine->name), i);
	}
	for (i = 0; i < identify->set_count; i++) {
		struct aci_identify_set *set;

		set = aci_identify_get(adev, ACI_IDENTIFY_SET, i);
		if (IS_ERR(set))
			return PTR_ERR(set);
		identify->sets[i] = set;
	}
	return 0;
}
