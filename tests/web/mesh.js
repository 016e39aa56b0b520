// Real daemons and gateways for the tests of the page.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const BIN = process.env.MESHCHAT_BIN_DIR;
const LIMIT = 30_000;
const POLL = 50;

const program = (name) => (BIN ? path.join(BIN, name) : name);

/** Nothing of the person who runs the tests may reach a program. */
function environment(dir, more = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('MESHCHAT_'));
  const folders = ['HOME', 'XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME'].map((name) => [name, dir]);
  return { ...Object.fromEntries(kept), ...Object.fromEntries(folders), NOTIFY_SOCKET: '', ...more };
}

/** Waits until `condition` gives something true, and gives it. */
export async function until(what, condition, limit = LIMIT) {
  const end = Date.now() + limit;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${limit / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

class Program {
  constructor(command, args, dir) {
    this.dir = dir;
    this.command = command;
    this.args = args;
    this.log = '';
  }

  run(extra, env) {
    const child = spawn(program(this.command), [...this.args, ...extra], { env: environment(this.dir, env), stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => { this.log += data; });
    }
    this.ended = new Promise((resolve) => child.on('exit', resolve));
    this.child = child;
  }

  async kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    await this.ended;
  }
}

/** A daemon with its gateway. */
export class Station {
  constructor(name, peers = [], web = '') {
    this.name = name;
    this.web = web;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'meshchat-page-'));
    this.socket = path.join(this.dir, 'control.sock');
    const state = path.join(this.dir, 'state');
    const args = ['--name', name, '--socket', this.socket, '--state-dir', state];
    for (const peer of peers) args.push('--peer', peer);
    this.daemon = new Program('meshchatd', args, this.dir);
    this.config = path.join(this.dir, 'gateway.toml');
    this.gateway = new Program('meshchat-gateway', ['--socket', this.socket, '--config', this.config, '--state-dir', path.join(this.dir, 'gateway')], this.dir);
    this.port = 0;
    this.address = '127.0.0.1:0';
  }

  async start() {
    await this.startDaemon();
    await this.startGateway();
    return this;
  }

  async startDaemon() {
    const quiet = { MESHCHAT_DISCOVERY: 'off', MESHCHAT_LINKS: 'named', MESHCHAT_MAPPING: 'off', MESHCHAT_RATE: 'off' };
    this.daemon.run(['--listen', this.address], quiet);
    const status = await until(`${this.name} to be ready\n${this.daemon.log}`, () => this.json('status')[0]);
    this.address = status.listen[0];
  }

  async startGateway() {
    fs.writeFileSync(this.config, `[web]\nlisten = "127.0.0.1:${this.port}"\n${this.web}\n[limits]\nper-address = 64\nclients = 128\n`);
    this.gateway.run([], {});
    const door = await until('the web door', () => this.json('doors').find((one) => one.name === 'web' && one.addresses?.length)).catch((error) => {
      throw new Error(`${error.message}\n${this.gateway.log}`);
    });
    this.url = door.addresses[0];
    this.port = Number(new URL(this.url).port);
  }

  ctl(...args) {
    return spawnSync(program('meshchatctl'), ['--socket', this.socket, ...args], { env: environment(this.dir), encoding: 'utf8', timeout: LIMIT });
  }

  /** What a command prints as JSON; nothing when it failed. */
  json(...args) {
    const done = this.ctl(...args, '--json');
    return done.status === 0 ? done.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
  }

  /** A code that lets one browser in. */
  pair() {
    const [pairing] = this.json('pair');
    return pairing.code;
  }

  /** The page's address with such a code in it. */
  invitation() {
    return `${this.url}#${this.pair()}`;
  }

  async stop() {
    for (const one of [this.gateway, this.daemon]) {
      if (one.child?.exitCode === null && one.child.signalCode === null) await one.kill();
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}
