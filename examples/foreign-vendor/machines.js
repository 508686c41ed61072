// Machines are the resources that the vendor keeps for its agreements. These are records and nothing else; a real vendor
// would ask its cloud where this one waits a moment.

import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { Refusal } from "./envelope.js";

const MOMENT = 20; // milliseconds
const MOST = 262144; // bytes of a page
const refuse = (code, message, hint) => new Refusal("refuse", code, message, hint);
const keyOf = ({ deployment, class: name, index, generation }) => JSON.stringify([deployment, name, index, generation]);

// What each verb needs the machine to be, and makes of it.
const VERBS = {
  create: { from: ["requested"], to: "running" },
  start: { from: ["stopped", "running"], to: "running" },
  stop: { from: ["running", "stopped"], to: "stopped" },
  reboot: { from: ["running"], to: "running" },
  delete: { from: ["requested", "running", "stopped", "error", "gone"], to: "gone" },
  // These leave it as it is, under another agreement.
  resize: { from: ["running", "stopped"] },
  rebind: { from: ["running", "stopped"] },
};
const UNSUPPORTED = ["attach", "detach", "set-targets", "snapshot", "image"];
const MOVES = ["resize", "rebind"];

export class Machines {
  #queues = new Map();

  // hasFiles says whether an object is in the vendor's bucket; tell is called after an event was added to the outbox.
  constructor({ name, records, market, hasFiles, tell }) {
    Object.assign(this, { name, records, market, hasFiles, tell });
  }

  // resume takes up what an earlier run took on and did not end, in the order of each machine's commands.
  resume() {
    const open = Object.entries(this.records.commands).filter(([, { outcome }]) => !outcome);
    open.sort(([, a], [, b]) => a.sequence - b.sequence);
    for (const [id] of open) this.#queue(id);
  }

  // list lists what is there, all of it or the page that is asked for. A machine's key never changes, so that no page lacks
  // what is there throughout.
  list(deployment, page) {
    const all = Object.entries(this.records.resources).filter(([key, { status: { state, ref } }]) =>
      state !== "gone" && (!deployment || ref.deployment === deployment) && (!page?.after || key > page.after));
    all.sort(([a], [b]) => (a < b ? -1 : 1));
    const resources = [];
    let room = page ? Math.min(page.bytes || MOST, MOST) : Infinity;
    for (const [index, [, { status }]] of all.entries()) {
      room -= Buffer.byteLength(JSON.stringify(status)) + 1;
      if (room < 0 && index > 0) return { resources, next: all[index - 1][0] };
      resources.push(status);
    }
    return { resources };
  }

  // take takes a command on, once, and returns its record, which has an outcome when it has ended.
  take(id, sequence, command) {
    const known = this.records.commands[id];
    if (known) {
      const first = known.command, same = first.verb === command.verb && first.agreement === command.agreement;
      if (!same || keyOf(first.resource) !== keyOf(command.resource)) throw refuse("conflict", "the command's id was used for another");
      return known;
    }
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(id)) throw refuse("bad-request", "a command has an id");
    const agreement = this.#admit(sequence, command);
    if (command.verb !== "prepare") {
      const key = keyOf(command.resource), resource = this.records.resources[key] ?? this.#fresh(command, agreement);
      resource.sequence = sequence;
      this.records.resources[key] = resource;
    }
    this.records.commands[id] = { sequence, command };
    this.records.save();
    this.#queue(id);
    return this.records.commands[id];
  }

  // admit returns the agreement under which a command is given, or throws why it cannot be taken on.
  #admit(sequence, { verb, resource, agreement: id, class: wanted }) {
    const agreement = this.market.agreement(id)?.agreement;
    const builds = verb === "create" || verb === "prepare";
    if (!agreement || agreement.deployment !== resource?.deployment) throw refuse("not-allowed", "there is no such agreement for this deployment");
    const offer = agreement.classes[resource.class];
    if (!offer) throw refuse("not-allowed", `the agreement does not cover ${resource.class}`);
    const under = builds || MOVES.includes(verb); // they need the agreement in force
    if (under && agreement.state !== "observed") throw refuse("wrong-state", `the agreement is ${agreement.state}`);
    if ((builds || verb === "resize") && !wanted) throw refuse("bad-request", `${verb} carries a class`);
    if (verb === "prepare") return agreement;
    if (!VERBS[verb] && !UNSUPPORTED.includes(verb)) throw refuse("bad-request", `there is no verb ${verb}`);
    if (UNSUPPORTED.includes(verb)) throw refuse("unsupported", `${verb} is nothing that this vendor does`);
    if (!(sequence >= 1 && resource.index >= 1 && resource.generation >= 1)) throw refuse("bad-request", "sequence, index and generation count from 1");
    if (builds && resource.index > Number(offer.count.split("..").at(-1))) throw refuse("not-allowed", `agreed on are ${offer.count}`);
    const known = this.records.resources[keyOf(resource)];
    if (known && sequence <= known.sequence) throw refuse("conflict", `command ${known.sequence} was taken on before`);
    if (known && verb === "create") throw refuse("conflict", `it exists and is ${known.status.state}`);
    if (!known && verb !== "create" && verb !== "delete") throw refuse("not-found", "there is no such resource");
    return agreement;
  }

  #fresh({ resource, name }, agreement) {
    const now = new Date().toISOString();
    return { status: {
      ref: resource, name: name ?? "", type: "compute", vendor: this.name, agreement: agreement.id, state: "requested",
      price: agreement.classes[resource.class].unit, created: now, changed: now,
    } };
  }

  // queue carries a command out after those to the same machine that came before.
  #queue(id) {
    const { command } = this.records.commands[id], key = command.verb === "prepare" ? id : keyOf(command.resource);
    const work = (this.#queues.get(key) ?? Promise.resolve()).then(() => this.#carryOut(id));
    this.#queues.set(key, work);
    work.finally(() => this.#queues.get(key) === work && this.#queues.delete(key));
  }

  // carryOut ends a command: the outcome, the machine as it is then, and the event that tells of both are saved at once.
  async #carryOut(id) {
    const record = this.records.commands[id], { command } = record;
    const outcome = { command: id }, status = this.records.resources[keyOf(command.resource)]?.status;
    const after = status && { ...status };
    let changed = after;
    try {
      await this.#act(command, after);
    } catch (error) {
      outcome.refusal = error instanceof Refusal ? error.body() : { code: "internal", message: error.message };
      changed = command.verb === "create" && status.state === "requested" ? { ...status, state: "error", fault: error.message } : status;
    }
    if (command.verb !== "prepare") {
      Object.assign(status, changed, { changed: new Date().toISOString() });
      outcome.resource = { ...status };
    }
    Object.assign(record, { outcome, ended: new Date().toISOString() });
    this.records.outbox.push({
      id: randomUUID(), at: record.ended, kind: "command.done", source: `vendor.${this.name}`, deployment: command.resource.deployment,
      class: command.resource.class, outcome,
      message: outcome.refusal?.message ?? (status ? `${status.name} ${status.state} at ${this.name}` : `${command.resource.class} prepared at ${this.name}`),
    });
    this.records.save();
    this.tell();
  }

  // act is where a cloud would be asked. It changes after, the machine as it is to be, or throws a Refusal.
  async #act(command, after) {
    const { verb } = command;
    await wait(MOMENT);
    if (verb === "prepare") return;
    if (!VERBS[verb].from.includes(after.state)) throw refuse("wrong-state", `${after.name} is ${after.state}`);
    if (command.upload && !await this.hasFiles(command.upload)) throw refuse("not-found", `there are no files ${command.upload}`);
    if (MOVES.includes(verb)) {
      const { agreement } = this.market.agreement(command.agreement);
      if (agreement.state !== "observed") throw refuse("wrong-state", `the agreement is ${agreement.state}`);
      Object.assign(after, { agreement: agreement.id, price: agreement.classes[command.resource.class].unit });
      return; // a record has the size that its agreement says
    }
    after.state = VERBS[verb].to;
    if (verb === "create") Object.assign(after, { id: randomUUID(), warnings: ["a record in a file: nothing runs on it"] });
  }
}
