// SPDX-License-Identifier: MIT
/* The in-process transport: the admin queue, one command at a time. */
#include <string.h>

#include "error.h"
#include "inproc.h"

#define ADMIN_SHIFT	2u
#define ADMIN_ENTRIES	(1u << ADMIN_SHIFT)

int inproc_admin_init(struct inproc_card *card)
{
	struct inproc_admin *admin = &card->admin;
	int ret = inproc_dma_alloc(card, ADMIN_ENTRIES * sizeof(struct aci_admin_cmd), &admin->sq);

	if (!ret)
		ret = inproc_dma_alloc(card, ADMIN_ENTRIES * sizeof(struct aci_admin_cpl),
				       &admin->cq);
	if (!ret)
		ret = inproc_dma_alloc(card, PAGE_BYTES, &admin->data);
	if (ret)
		return ret;
	vcard_reg_write(card->vcard, ACI_REG_ADMIN_SQ_BASE, admin->sq.address, 8);
	vcard_reg_write(card->vcard, ACI_REG_ADMIN_CQ_BASE, admin->cq.address, 8);
	vcard_reg_write(card->vcard, ACI_REG_ADMIN_SHIFT, ADMIN_SHIFT, 4);
	return 0;
}

void inproc_admin_fini(struct inproc_card *card)
{
	inproc_dma_free(card, &card->admin.sq);
	inproc_dma_free(card, &card->admin.cq);
	inproc_dma_free(card, &card->admin.data);
}

/*
 * Second half of the next completion, which the card stores last and as a whole: id, status, phase.
 */
static uint64_t admin_next(struct inproc_admin *admin)
{
	struct aci_admin_cpl *cpl = (struct aci_admin_cpl *)admin->cq.cpu +
				    admin->head % ADMIN_ENTRIES;

	return shared_read64((__le64 *)&cpl->cid);
}

static bool admin_is_done(void *argument)
{
	struct inproc_admin *admin = argument;
	uint32_t expected = admin->head / ADMIN_ENTRIES % 2 ? 0 : ACI_CPL_PHASE;

	return (admin_next(admin) >> 32 & ACI_CPL_PHASE) == expected;
}

static int admin_error(uint8_t opcode, uint16_t status)
{
	int error;

	switch (status) {
	case ACI_STATUS_SUCCESS:
		return 0;
	case ACI_STATUS_NO_RESOURCES:
		error = -ENOSPC;
		break;
	case ACI_STATUS_UNSUPPORTED:
	case ACI_STATUS_INVALID_OPCODE:
		error = -ENOTSUP;
		break;
	case ACI_STATUS_INVALID_FIELD:
	case ACI_STATUS_INVALID_ID:
		error = -EINVAL;
		break;
	case ACI_STATUS_VM_BUSY:
	case ACI_STATUS_ID_IN_USE:
	case ACI_STATUS_INVALID_STATE:
		error = -EBUSY;
		break;
	default:
		error = -EIO;
		break;
	}
	return error_set(error, "inproc: admin command 0x%02x failed: %s", opcode,
			 accel_status_text(status));
}

/* A driver's margin on top of the bound: this process shares its cores with the card. */
#define ADMIN_MARGIN_MS	5000u

int inproc_admin_call(struct inproc_card *card, struct aci_admin_cmd *cmd, uint32_t bound_ms,
		      void *data)
{
	struct inproc_admin *admin = &card->admin;
	uint64_t cpl;
	int ret = 0;

	if (inproc_is_wedged(card))
		return inproc_error_wedged();
	pthread_mutex_lock(&card->admin_lock);
	cmd->cid = htole16(++admin->cid);
	if (data) {
		memset(admin->data.cpu, 0, PAGE_BYTES);
		cmd->data = htole64(admin->data.address);
		cmd->data_bytes = htole32(PAGE_BYTES);
	}
	((struct aci_admin_cmd *)admin->sq.cpu)[admin->tail % ADMIN_ENTRIES] = *cmd;
	admin->tail++;
	/* The register write is a call that takes locks: it orders the command before it. */
	vcard_reg_write(card->vcard, ACI_REG_ADMIN_SQ_TAIL, admin->tail, 4);
	if (inproc_irq_wait(card, admin_is_done, admin,
			    deadline_after((bound_ms + ADMIN_MARGIN_MS) * 1000000ull))) {
		/* The card still owns the command and its buffer: nothing may be reused. */
		inproc_wedge(card, "an admin command timed out");
		ret = inproc_error_wedged();
		goto out;
	}
	cpl = admin_next(admin);
	admin->head++;
	vcard_reg_write(card->vcard, ACI_REG_ADMIN_CQ_HEAD, admin->head, 4);
	if ((uint16_t)cpl != admin->cid) {
		inproc_wedge(card, "completion of an unknown admin command");
		ret = inproc_error_wedged();
		goto out;
	}
	ret = admin_error(cmd->opcode, (uint16_t)(cpl >> 16));
	if (!ret && data)
		memcpy(data, admin->data.cpu, PAGE_BYTES);
out:
	pthread_mutex_unlock(&card->admin_lock);
	return ret;
}
