// Records are what must not be forgotten: one JSON file, replaced as a whole at every change.

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const DAY = 86_400_000;

export class Records {
  #path;

  constructor(path) {
    this.#path = path;
    // Of proposals by id, the accepted and the ended; those that are only offered need not survive.
    this.proposals = {};
    this.resources = {};
    this.commands = {};
    // Events that the stream has not acknowledged yet.
    this.outbox = [];
    if (existsSync(path)) Object.assign(this, JSON.parse(readFileSync(path, "utf8")));
  }

  // save returns once everything is on disk. Nothing is said to anybody before.
  save() {
    this.#forget();
    const fresh = `${this.#path}.new`;
    const file = openSync(fresh, "w", 0o600);
    try {
      writeSync(file, JSON.stringify(this));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, this.#path);
    const directory = openSync(dirname(this.#path), "r");
    fsyncSync(directory);
    closeSync(directory);
  }

  // forget drops what nobody asks about any more. What is gone is remembered as long as its agreement.
  #forget() {
    const old = (time) => time && Date.parse(time) < Date.now() - DAY;
    for (const [id, { outcome, ended }] of Object.entries(this.commands)) if (outcome && old(ended)) delete this.commands[id];
    for (const [id, { state, changed }] of Object.entries(this.proposals)) {
      if (state !== "observed" && old(changed)) delete this.proposals[id];
    }
    const agreements = new Set(Object.values(this.proposals).map(({ agreement }) => agreement?.id));
    for (const [key, { status }] of Object.entries(this.resources)) {
      if (status.state === "gone" && !agreements.has(status.agreement)) delete this.resources[key];
    }
  }
}
