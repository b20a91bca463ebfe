// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPVS: highest priority first, with round robin among equals.
 *
 * The weight of a server is its priority, not its share. Servers of one weight
 * form a tier. A new connection goes to the highest tier that has room, to the
 * server there whose turn it is; a lower tier is used only while every server
 * above it is overloaded (its upper threshold reached) or has weight 0.
 *
 * Tiers are kept sorted by the callbacks that IPVS makes when a server is
 * added, edited or deleted, so that a pick looks at one server while nobody is
 * overloaded, however many there are. OVERLOAD has no callback: overloaded
 * servers are found, and passed over, by the pick itself.
 *
 * Locking: whoever follows or changes a ring holds svc->sched_lock, and so does
 * whoever changes the list of tiers. IPVS makes its callbacks one at a time,
 * under its configuration mutex: for them alone, reading the list of tiers or
 * of seats needs no lock. A pick sees every server at most once, so that it
 * cannot disagree with itself: no destination means that each server was seen
 * without room.
 *
 * The idea is Roberto Nibali's scheduler of the same name (2005, Linux 2.4).
 */

#define KMSG_COMPONENT "IPVS"
#define pr_fmt(fmt) KMSG_COMPONENT ": " fmt

#include <linux/list.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <net/ip_vs.h>

/* Hangs on svc->sched_data. */
struct hprio {
	struct list_head tiers;		/* struct hprio_tier, highest first */
	struct list_head seats;		/* struct hprio_seat, in no order */
};

/* The servers of one weight; never empty. */
struct hprio_tier {
	struct list_head list;		/* in hprio.tiers */
	struct list_head ring;		/* struct hprio_seat, next in turn first */
	int weight;
};

/* A server's place: the server itself has no room for a scheduler's lists. */
struct hprio_seat {
	struct list_head list;		/* in hprio.seats */
	struct list_head ring;		/* in hprio_tier.ring */
	struct hprio_tier *tier;
	struct ip_vs_dest *dest;
};

/*
 * IPVS ignores the answer of add_dest and upd_dest: a server whose memory was
 * not to be had would be silently left out. These few bytes therefore wait.
 */
#define HPRIO_GFP (GFP_KERNEL | __GFP_NOFAIL)

/* Take @tier, if any, off the list once it is empty; returns what is to free. */
static struct hprio_tier *hprio_close(struct hprio_tier *tier)
{
	if (!tier || !list_empty(&tier->ring))
		return NULL;
	list_del(&tier->list);
	return tier;
}

/*
 * Give @seat the last turn in the tier of its server's weight. One step for
 * those who pick: a server that moves between tiers is always in one of them.
 */
static void hprio_join(struct ip_vs_service *svc, struct hprio_seat *seat)
{
	struct hprio *state = svc->sched_data;
	struct hprio_tier *tier, *left = seat->tier, *fresh = NULL;
	int weight = atomic_read(&seat->dest->weight);
	struct list_head *below;

	list_for_each(below, &state->tiers) {
		tier = list_entry(below, struct hprio_tier, list);
		if (tier->weight <= weight)
			break;
	}
	if (below == &state->tiers || tier->weight != weight) {
		fresh = kmalloc(sizeof(*fresh), HPRIO_GFP);
		INIT_LIST_HEAD(&fresh->ring);
		fresh->weight = weight;
		tier = fresh;
	}
	seat->tier = tier;

	spin_lock_bh(&svc->sched_lock);
	if (fresh)
		list_add_tail(&fresh->list, below);
	list_move_tail(&seat->ring, &tier->ring);
	left = hprio_close(left);
	spin_unlock_bh(&svc->sched_lock);
	kfree(left);
}

/* Take @seat out of its tier. */
static void hprio_leave(struct ip_vs_service *svc, struct hprio_seat *seat)
{
	struct hprio_tier *left;

	spin_lock_bh(&svc->sched_lock);
	list_del(&seat->ring);
	left = hprio_close(seat->tier);
	spin_unlock_bh(&svc->sched_lock);
	kfree(left);
}

static struct hprio_seat *hprio_find(struct ip_vs_service *svc,
				     struct ip_vs_dest *dest)
{
	struct hprio *state = svc->sched_data;
	struct hprio_seat *seat;

	list_for_each_entry(seat, &state->seats, list)
		if (seat->dest == dest)
			return seat;
	return NULL;
}

static int hprio_add_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct hprio *state = svc->sched_data;
	struct hprio_seat *seat = kmalloc(sizeof(*seat), HPRIO_GFP);

	INIT_LIST_HEAD(&seat->ring);
	seat->tier = NULL;
	seat->dest = dest;
	list_add_tail(&seat->list, &state->seats);
	hprio_join(svc, seat);
	return 0;
}

static int hprio_del_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct hprio_seat *seat = hprio_find(svc, dest);

	if (WARN_ON_ONCE(!seat))
		return -ENOENT;
	hprio_leave(svc, seat);
	list_del(&seat->list);
	kfree(seat);
	return 0;
}

/* A server that keeps its weight keeps its turn. */
static int hprio_upd_dest(struct ip_vs_service *svc, struct ip_vs_dest *dest)
{
	struct hprio_seat *seat = hprio_find(svc, dest);

	if (WARN_ON_ONCE(!seat))
		return -ENOENT;
	if (atomic_read(&dest->weight) != seat->tier->weight)
		hprio_join(svc, seat);
	return 0;
}

/*
 * A service that comes with servers: as if they were added now, the oldest
 * first. IPVS puts a new server at the front of its list.
 */
static int hprio_init_service(struct ip_vs_service *svc)
{
	struct hprio *state = kmalloc(sizeof(*state), GFP_KERNEL);
	struct ip_vs_dest *dest;

	if (!state)
		return -ENOMEM;
	INIT_LIST_HEAD(&state->tiers);
	INIT_LIST_HEAD(&state->seats);
	svc->sched_data = state;
	list_for_each_entry_reverse(dest, &svc->destinations, n_list)
		hprio_add_dest(svc, dest);
	return 0;
}

/*
 * Picks may still come in, from whoever looked up the scheduler before it was
 * unbound; once sched_data is gone they find no destination, and nothing is
 * left that they could follow.
 */
static void hprio_done_service(struct ip_vs_service *svc)
{
	struct hprio *state = svc->sched_data;
	struct hprio_tier *tier, *next_tier;
	struct hprio_seat *seat, *next_seat;

	spin_lock_bh(&svc->sched_lock);
	svc->sched_data = NULL;
	spin_unlock_bh(&svc->sched_lock);

	list_for_each_entry_safe(seat, next_seat, &state->seats, list)
		kfree(seat);
	list_for_each_entry_safe(tier, next_tier, &state->tiers, list)
		kfree(tier);
	kfree(state);
}

/*
 * The next in turn that has room, or nobody. Who is picked waits for all others;
 * so does who was passed over, as the turn is not kept for the overloaded.
 */
static struct ip_vs_dest *hprio_next(struct hprio_tier *tier)
{
	struct hprio_seat *seat;

	list_for_each_entry(seat, &tier->ring, ring) {
		if (seat->dest->flags & IP_VS_DEST_F_OVERLOAD)
			continue;
		/* Behind the picked one the ring begins anew. */
		list_move(&tier->ring, &seat->ring);
		return seat->dest;
	}
	return NULL;
}

static struct ip_vs_dest *hprio_schedule(struct ip_vs_service *svc,
					 const struct sk_buff *skb,
					 struct ip_vs_iphdr *iph)
{
	struct ip_vs_dest *dest = NULL;
	struct hprio_tier *tier;
	struct hprio *state;

	spin_lock_bh(&svc->sched_lock);
	state = svc->sched_data;
	if (state) {
		list_for_each_entry(tier, &state->tiers, list) {
			if (tier->weight <= 0)
				break;
			dest = hprio_next(tier);
			if (dest)
				break;
		}
	}
	spin_unlock_bh(&svc->sched_lock);

	if (state && !dest)
		ip_vs_scheduler_err(svc, "no destination available");
	return dest;
}

static struct ip_vs_scheduler hprio_scheduler = {
	.name = "hprio",
	.refcnt = ATOMIC_INIT(0),
	.module = THIS_MODULE,
	.n_list = LIST_HEAD_INIT(hprio_scheduler.n_list),
	.init_service = hprio_init_service,
	.done_service = hprio_done_service,
	.add_dest = hprio_add_dest,
	.del_dest = hprio_del_dest,
	.upd_dest = hprio_upd_dest,
	.schedule = hprio_schedule,
};

static int __init hprio_init(void)
{
	return register_ip_vs_scheduler(&hprio_scheduler);
}

static void __exit hprio_exit(void)
{
	unregister_ip_vs_scheduler(&hprio_scheduler);
	/* A deleted service gives the module free before its last pick ends. */
	synchronize_rcu();
}

module_init(hprio_init);
module_exit(hprio_exit);
MODULE_AUTHOR("The lvsctl project");
MODULE_DESCRIPTION("IPVS scheduler: highest priority first, round robin among equals");
MODULE_VERSION("1.0.0");
MODULE_LICENSE("GPL");
