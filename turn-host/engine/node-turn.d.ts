/**
 * The part of node-turn 0.0.6 that the engine uses, as its sources have it. Whatever a packet decides is
 * `unknown` here: it is looked at before it is used.
 */
declare module 'node-turn/lib/address.js' {
  export default class Address {
    constructor(address: string, port: number);
    readonly family: number;
    readonly address: string;
    readonly port: number;
  }
}

declare module 'node-turn/lib/transport.js' {
  import type Address from 'node-turn/lib/address.js';

  /** All that node-turn asks of the socket it answers through. */
  export interface AnswerSocket {
    send(packet: Uint8Array, port: number, address: string, done: (error: Error | null) => void): void;
  }

  export default class Transport {
    constructor(protocol: number, src: Address, dst: Address, socket: AnswerSocket);
    readonly src: Address;
    readonly dst: Address;
    readonly socket: AnswerSocket;
    get5Tuple(): string;
  }
}

declare module 'node-turn/lib/attribute.js' {
  import type Message from 'node-turn/lib/message.js';

  export default class Attribute {
    constructor(message: Message, name?: string, value?: unknown);
    type: number;
    length: number;
    padding: number;
    value: unknown;
    read(data: Buffer): void;
    toBuffer(): Buffer;
  }
}

declare module 'node-turn/lib/message.js' {
  import type Server from 'node-turn';
  import type Allocation from 'node-turn/lib/allocation.js';
  import type Attribute from 'node-turn/lib/attribute.js';
  import type Transport from 'node-turn/lib/transport.js';
  import type User from 'node-turn/lib/user.js';

  export default class Message {
    constructor(server: Server, transport: Transport);
    readonly server: Server;
    readonly transport: Transport;
    allocation: Allocation | null;
    class: number;
    method: number;
    useFingerprint: boolean;
    length: number;
    attributes: Attribute[];
    magicCookie: number;
    transactionID: string;
    user: User | null;
    _state: number;
    read(packet: Buffer): boolean;
    reply(): Message;
    setUser(user: User): void;
    addAttribute(name: string, value?: unknown): void;
    getAttribute(name: string): unknown;
    getAttributes(name: string): unknown[];
    toBuffer(): Buffer;
    resolve(): void;
    reject(code: number, reason: string): void;
    data(payload: Buffer): void;
  }
}

declare module 'node-turn/lib/user.js' {
  export default class User {
    constructor(username: string, password: string);
    readonly username: string;
    readonly password: string;
  }
}

declare module 'node-turn/lib/allocation.js' {
  import type Address from 'node-turn/lib/address.js';
  import type Message from 'node-turn/lib/message.js';
  import type Transport from 'node-turn/lib/transport.js';
  import type User from 'node-turn/lib/user.js';

  /** All that an allocation asks of its relayed socket; the data path never goes through it. */
  export interface RelayedSocketFace {
    address(): { address: string; port: number };
    on(event: string, listener: (...values: never[]) => void): void;
  }

  export default class Allocation {
    constructor(message: Message, sockets: RelayedSocketFace[], lifetimeSeconds: number);
    readonly transactionID: string;
    transport: Transport | null;
    sockets: RelayedSocketFace[];
    readonly fiveTuple: string;
    readonly user: User;
    readonly relayedTransportAddress: Address;
    readonly mappedAddress: Address;
    lifetime: number;
    timer: NodeJS.Timeout;
    timeToExpiry: number;
  }
}

declare module 'node-turn' {
  import type { EventEmitter } from 'node:events';
  import type Allocation from 'node-turn/lib/allocation.js';
  import type Message from 'node-turn/lib/message.js';

  type Handler = (message: Message, reply: Message) => void;

  interface ServerConfig {
    listeningIps: string[];
    listeningPort: number;
    relayIps: string[];
    authMech: 'long-term';
    realm: string;
    minPort: number;
    maxPort: number;
    debugLevel: 'OFF';
    log(line: unknown): void;
  }

  export default class Server extends EventEmitter {
    constructor(config: ServerConfig);
    readonly realm: string;
    software: string;
    allocations: Record<string, Allocation>;
    readonly authentification: {
      auth(message: Message, done: (error: Error | null, reply: Message) => void): void;
    };
    readonly allocate: { allocate: Handler };
    readonly refresh: { refresh: Handler };
    readonly createPermission: { createPermission: Handler };
    readonly channelBind: { channelBind: Handler };
  }
}
