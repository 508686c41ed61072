// The market is what the vendor offers, at what price, and to whom it is bound.

import { randomUUID } from "node:crypto";
import { Refusal } from "./envelope.js";

export const IMAGE = "pretend";
export const description = {
  kind: "foreign", version: "1", region: "paper", country: "GR", types: ["compute"], images: [IMAGE], isolation: false,
  "create-token": true, settle: "0s",
  notes: ["machines are records in a file: nothing runs on them"],
};
export const capacity = { instances: 20, cores: 32, memory: "64GiB" };

const MIB = 2 ** 20, SIZES = { B: 1, KiB: 2 ** 10, MiB: MIB, GiB: 2 ** 30, TiB: 2 ** 40, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const bytes = (text) => {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
  return SIZES[unit] ? Number(number) * SIZES[unit] : NaN;
};

const refuse = (code, message, hint) => new Refusal("refuse", code, message, hint).body();

export class Market {
  // Offers by id, and what was said by call and round, in memory only.
  #offered = new Map(); #said = new Map();

  constructor(name, records, standFor) {
    Object.assign(this, { name, records, standFor });
  }

  // usage is what is held by offers and used by agreements, as numbers.
  usage() {
    this.#expire();
    const sum = (uses) => uses.reduce((a, b) => ({ instances: a.instances + b.instances, cores: a.cores + b.cores, memory: a.memory + b.memory }),
      { instances: 0, cores: 0, memory: 0 });
    const observed = Object.values(this.records.proposals).filter(({ state }) => state === "observed");
    return {
      held: sum([...this.#offered.values()].flatMap(({ uses }) => Object.values(uses))),
      used: sum(observed.flatMap(({ uses, agreement }) => Object.keys(agreement.classes).map((name) => uses[name]))),
    };
  }

  // shown is a usage as it is written.
  shown(usage) {
    return { instances: usage.instances, cores: usage.cores, memory: usage.memory % MIB ? `${usage.memory}B` : `${usage.memory / MIB}MiB` };
  }

  #expire() {
    const now = Date.now();
    for (const [id, { proposal }] of this.#offered) if (Date.parse(proposal["valid-until"]) < now) this.#offered.delete(id);
    for (const [key, { until }] of this.#said) if (until < now) this.#said.delete(key);
  }

  // answer is what a call is answered with, the same to the same call and round: a proposal, or a Refusal is thrown.
  answer(call) {
    if (!call.id || !(call.round >= 1) || !call.currency || !Object.keys(call.classes ?? {}).length) {
      throw new Refusal("not-understood", "bad-request", "a call has an id, a round, a currency and classes");
    }
    if (call.counter) throw new Refusal("refuse", "unsupported", `${this.name} does not negotiate`, "its proposal stands");
    this.#expire();
    const key = `${call.round} ${call.id}`;
    let said = this.#said.get(key);
    if (!said) {
      said = { ...this.#consider(call), until: Date.now() + this.standFor };
      if (!call.advisory) this.#said.set(key, said);
    }
    if (said.refusal) throw said.refusal;
    return said.proposal;
  }

  #consider(call) {
    const offers = {}, refusals = {}, uses = {};
    const { held, used } = this.usage();
    const free = { instances: capacity.instances - held.instances - used.instances, cores: capacity.cores - held.cores - used.cores,
      memory: bytes(capacity.memory) - held.memory - used.memory };
    for (const name of Object.keys(call.classes).sort()) {
      const one = this.#quote(call, name, free);
      if (one.refusal) refusals[name] = one.refusal;
      else [offers[name], uses[name]] = [one.offer, one.use];
    }
    if (!Object.keys(offers).length) {
      const [first] = Object.values(refusals);
      return { refusal: new Refusal("refuse", first.code, Object.entries(refusals).map(([name, { message }]) => `${name}: ${message}`).join("; "), first.hint) };
    }
    const proposal = {
      id: randomUUID(), call: call.id, round: call.round, vendor: this.name, module: description.kind, region: description.region,
      country: description.country, currency: call.currency, offers, refusals, held: !call.advisory,
      "valid-until": new Date(Date.now() + this.standFor).toISOString(), notes: description.notes,
    };
    if (!call.advisory) this.#offered.set(proposal.id, { proposal, uses });
    return { proposal };
  }

  // quote offers or refuses one class, and takes from what is free what its largest count needs.
  #quote(call, name, free) {
    const wanted = call.classes[name], place = wanted.place ?? {};
    const others = Object.values(call.classes);
    const not = (list, mine) => list?.length && ![list].flat().includes(mine);
    if (!["compute", "cluster"].includes(wanted.type)) return { refusal: refuse("unsupported", `has no ${wanted.type}`) };
    if (wanted.image && wanted.image !== IMAGE) return { refusal: refuse("unsupported", `has no image ${wanted.image}`, `it has ${IMAGE}`) };
    if (not(place.region, description.region) || not(place.country, description.country)) return { refusal: refuse("placement", `is in ${description.region}, ${description.country}`) };
    if (wanted.isolation === "required") return { refusal: refuse("isolation", "keeps nothing apart") };
    if (call.currency !== "EUR") return { refusal: refuse("currency", "prices are in EUR") };
    // What a class needs at the same vendor, and this one has not, keeps the class from being offered too.
    const member = others.some(({ type, members }) => type === "network" && [members ?? []].flat().includes(name));
    if (Object.keys(wanted.volumes ?? {}).length || wanted.networks?.length || member) return { refusal: refuse("unsupported", "has neither volumes nor networks") };
    const [least, most = least] = String(wanted.count ?? "1").split("..").map(Number);
    const cores = wanted.cores ?? 1, memory = bytes(wanted.memory ?? "512MiB");
    if (!(least >= 0 && most >= least && cores >= 1 && memory >= 0)) return { refusal: refuse("bad-request", "the counts or sizes make no sense") };
    const fits = Math.floor(Math.min(free.instances, free.cores / cores, memory ? free.memory / memory : Infinity));
    if (fits < most) return { refusal: refuse("no-capacity", `${most} are wanted, there is room for ${fits}`, fits ? `would do ${fits}` : undefined) };
    const use = { instances: most, cores: most * cores, memory: most * memory };
    for (const amount of Object.keys(free)) free[amount] -= use[amount];
    const micros = 4000 * cores + Math.ceil(1000 * memory / 2 ** 30); // of a euro, for an hour
    return { use, offer: {
      count: most === least ? String(least) : `${least}..${most}`, unit: `${Number((micros / 1e6).toFixed(6))} EUR/h`,
      availability: "99.5%", "ready-in": "1s", flavor: "record", ...this.#resizes(call.deployment, name),
    } };
  }

  // resizes says so in the offer of a class that stands: its records are given another size as they are.
  #resizes(deployment, name) {
    const stands = deployment && Object.values(this.records.proposals).some(({ state, agreement }) =>
      state === "observed" && agreement.deployment === deployment && agreement.classes[name]);
    return stands ? { resizes: true } : {};
  }

  // accept is the row "accept" of the acceptance table.
  accept({ agreement }) {
    const failure = (code, message) => new Refusal("failure", code, message);
    this.#expire();
    const record = this.records.proposals[agreement?.proposal], offered = this.#offered.get(agreement?.proposal);
    if (record?.state === "observed" && record.agreement.id === agreement.id) return record.agreement;
    if (record) throw failure("conflict", `the proposal is ${record.state}`);
    if (!offered) throw failure("expired", "there is no such proposal, or no longer");
    if (!agreement.id || !agreement.deployment || !Object.keys(agreement.classes ?? {}).length) {
      throw failure("bad-request", "an agreement has an id, a deployment and classes");
    }
    if (this.agreement(agreement.id)) throw failure("conflict", "the agreement's id was used before");
    for (const [name, terms] of Object.entries(agreement.classes)) {
      const offer = offered.proposal.offers[name] ?? {};
      const same = [...new Set([...Object.keys(offer), ...Object.keys(terms)])].every((term) => offer[term] === terms[term]);
      if (!same) throw failure("bad-request", `${name} is not offered on these terms`);
    }
    const observed = { ...agreement, vendor: this.name, state: "observed", agreed: new Date().toISOString() };
    this.records.proposals[agreement.proposal] = { state: "observed", agreement: observed, uses: offered.uses, changed: observed.agreed };
    this.#offered.delete(agreement.proposal);
    this.records.save();
    return observed;
  }

  // cancel is the row "cancel"; a rejection is the same, and ends no agreement.
  cancel(cancellation, rejects) {
    const record = this.records.proposals[cancellation.proposal] ?? this.agreement(cancellation.agreement);
    const now = new Date().toISOString();
    const never = { id: cancellation.agreement ?? "", call: "", proposal: cancellation.proposal ?? "", vendor: this.name, deployment: "", classes: {},
      state: "terminated", ended: record?.changed ?? now };
    if (!record) {
      if (!cancellation.proposal) throw new Refusal("failure", "bad-request", "a cancellation names a proposal");
      this.#offered.delete(cancellation.proposal);
      this.records.proposals[cancellation.proposal] = { state: "tombstone", changed: now };
      this.records.save();
      return never;
    }
    const meant = record.agreement && (!cancellation.agreement || cancellation.agreement === record.agreement.id);
    if (!meant) return never;
    if (record.state === "observed") {
      if (rejects) throw new Refusal("failure", "wrong-state", "the proposal is observed");
      const ending = cancellation.classes?.length ? cancellation.classes : Object.keys(record.agreement.classes);
      const standing = Object.values(this.records.resources).filter(({ status: { agreement, state, ref } }) =>
        agreement === record.agreement.id && state !== "gone" && ending.includes(ref.class));
      if (standing.length) throw new Refusal("failure", "wrong-state", `${standing.map(({ status }) => status.name).join(", ")} still stand`, "remove them first");
      record.changed = now;
      const left = Object.entries(record.agreement.classes).filter(([name]) => !ending.includes(name));
      if (left.length) record.agreement.classes = Object.fromEntries(left);
      else {
        record.state = "terminated";
        Object.assign(record.agreement, { state: "terminated", ended: now });
      }
      this.records.save();
    }
    return record.agreement;
  }

  // agreement finds the record of an agreement.
  agreement(id) {
    return id && Object.values(this.records.proposals).find(({ agreement }) => agreement?.id === id);
  }
}
