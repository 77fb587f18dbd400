/**
 * What the bench runs inside pages: a recorder that notes when each step of a join happened, and the floor, which is
 * bare peer connections signalled by BroadcastChannel. Every exported function is handed to a page as text, so none may
 * use anything of this module but types; and all times are milliseconds since the epoch with fractions, so that marks
 * of different pages of one machine can be compared.
 */

export type MarkName =
  | 'press'
  | 'socket-made'
  | 'socket-open'
  | 'welcome'
  | 'signal-out'
  | 'signal-in'
  | 'link-made'
  | 'offer-made'
  | 'offer-in'
  | 'offer-set'
  | 'answer-made'
  | 'answer-in'
  | 'answer-set'
  | 'ice-connected'
  | 'connected'
  | 'first-frame'
  | 'screen-chosen'
  | 'screen-frame'
  | 'screen-shown';

export interface Mark {
  readonly name: MarkName;
  readonly atMs: number;
}

/** What the camera is made to deliver, whatever the page asks for. */
export interface Capture {
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
}

/** Where a picture is drawn: CSS pixels from the top left of the viewport. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly mirrored: boolean;
}

export interface LinkState {
  readonly framesDecoded: number;
  readonly frameWidth: number;
  readonly frameHeight: number;
}

interface Recorder {
  readonly marks: Mark[];
  readonly links: RTCPeerConnection[];
  /** Resolves when the page has its camera. */
  readonly media: Promise<void>;
  mark(name: MarkName): void;
  /** Resolves when `count` links have decoded a frame of video each. */
  decoded(count: number): Promise<void>;
}

interface FloorMessage {
  readonly from: number;
  readonly description?: RTCSessionDescriptionInit;
  readonly candidate?: RTCIceCandidateInit;
}

interface Floor {
  /** Has the browser ask for a screen, and sends it where nothing was sent before. */
  share(): Promise<void>;
  /** Offers to these pages. The others answer whoever offers. */
  offer(pages: readonly number[]): void;
  /** Bytes of signalling as JSON, sent and received by this page. */
  readonly signalling: { sentBytes: number; receivedBytes: number };
}

/** Chromium offers it in windows too, which the DOM library does not know. */
declare class MediaStreamTrackProcessor {
  constructor(init: { track: MediaStreamTrack });
  readonly readable: ReadableStream<VideoFrame>;
}

declare global {
  interface Window {
    parleyBench?: Recorder;
    parleyFloor?: Floor;
  }
}

/** Runs before the page's own scripts, in both kinds of page alike: what it costs, it costs both. */
export function record(capture: Capture): void {
  const marks: Mark[] = [];
  const links: RTCPeerConnection[] = [];
  const decoded = new Set<RTCPeerConnection>();
  const waiting: { count: number; settle: () => void }[] = [];
  let gotMedia = () => {};
  const media = new Promise<void>((settle) => {
    gotMedia = settle;
  });
  const mark = (name: MarkName) => {
    marks.push({ name, atMs: performance.timeOrigin + performance.now() });
  };
  window.parleyBench = {
    marks,
    links,
    media,
    mark,
    decoded: (count) =>
      new Promise((settle) => {
        if (decoded.size >= count) settle();
        else waiting.push({ count, settle });
      }),
  };

  // The first frame that comes out of the decoder: statistics are cached for 50 ms, and a video element shows a frame
  // at the next repaint only.
  async function awaitFrame(pc: RTCPeerConnection, track: MediaStreamTrack): Promise<void> {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const { value } = await reader.read();
    if (!value) return;
    value.close();
    void reader.cancel();
    if (decoded.has(pc)) {
      // The camera came first.
      mark('screen-frame');
      return;
    }
    mark('first-frame');
    decoded.add(pc);
    for (const { count, settle } of waiting) if (decoded.size >= count) settle();
  }

  const NativeLink = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends NativeLink {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      mark('link-made');
      links.push(this);
      this.addEventListener('track', ({ track }) => {
        if (track.kind === 'video') void awaitFrame(this, track);
      });
      this.addEventListener('iceconnectionstatechange', () => {
        if (this.iceConnectionState === 'connected') mark('ice-connected');
      });
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState === 'connected') mark('connected');
      });
    }
    override async setLocalDescription(description?: RTCLocalSessionDescriptionInit): Promise<void> {
      await super.setLocalDescription(description);
      mark(this.localDescription?.type === 'offer' ? 'offer-made' : 'answer-made');
    }
    override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
      const { type } = description;
      mark(type === 'offer' ? 'offer-in' : 'answer-in');
      await super.setRemoteDescription(description);
      mark(type === 'offer' ? 'offer-set' : 'answer-set');
    }
  };

  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      mark('socket-made');
      this.addEventListener('open', () => mark('socket-open'));
      this.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
        const text = typeof data === 'string' ? data.slice(0, 24) : '';
        if (text.includes('"welcome"')) mark('welcome');
        if (text.includes('"signal"')) mark('signal-in');
      });
    }
    override send(data: string | Blob | BufferSource): void {
      if (typeof data === 'string' && data.slice(0, 24).includes('"signal"')) mark('signal-out');
      super.send(data);
    }
  };

  const { mediaDevices } = navigator;
  const native = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => {
    const video = constraints?.video;
    const asked = typeof video === 'object' ? video : {};
    const stream = await native(video ? { ...constraints, video: { ...asked, ...capture } } : constraints);
    if (video) gotMedia();
    return stream;
  };
  const nativeScreen = mediaDevices.getDisplayMedia.bind(mediaDevices);
  mediaDevices.getDisplayMedia = async (options) => {
    const stream = await nativeScreen(options);
    mark('screen-chosen');
    return stream;
  };
}

/** Marks the repaint at which the video that `selector` finds, now or later, has a picture to show. */
export async function awaitShown(selector: string): Promise<void> {
  for (;;) {
    await new Promise(requestAnimationFrame);
    const video = document.querySelector<HTMLVideoElement>(selector);
    if (!video || video.videoWidth <= 2) continue;
    window.parleyBench?.mark('screen-shown');
    return;
  }
}

/** Presses Join when the machine's clock reaches `atMs`. */
export async function pressJoin(atMs: number): Promise<void> {
  const button = [...document.querySelectorAll('button')].find(
    ({ textContent }) => textContent.trim() === 'Join',
  );
  if (!button) throw new Error('no Join button');
  await new Promise((settle) => setTimeout(settle, atMs - performance.timeOrigin - performance.now()));
  window.parleyBench?.mark('press');
  button.click();
}

/** Offers to these pages when the machine's clock reaches `atMs`. */
export async function pressFloor({ atMs, to }: { atMs: number; to: readonly number[] }): Promise<void> {
  await new Promise((settle) => setTimeout(settle, atMs - performance.timeOrigin - performance.now()));
  window.parleyBench?.mark('press');
  window.parleyFloor?.offer(to);
}

/**
 * Makes the page a member of the floor: camera and microphone as the client asks for them, pictures drawn in `boxes`
 * (the own one first), negotiation with nothing between the browser's answers and the next post.
 */
export async function installFloor(options: {
  self: number;
  boxes: readonly Box[];
  /** Whether offers allocate transceivers for a screen and its sound, as the client's do. */
  screens: boolean;
}): Promise<void> {
  const { self, boxes, screens } = options;
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
  });
  let shown = 0;
  const show = (picture: MediaStream, muted: boolean) => {
    const box = boxes[shown++];
    if (!box) return;
    const video = document.createElement('video');
    video.autoplay = true;
    video.muted = muted;
    video.playsInline = true;
    video.style.cssText =
      `position:fixed;left:${box.x}px;top:${box.y}px;width:${box.width}px;height:${box.height}px;` +
      `object-fit:cover;scale:${box.mirrored ? '-1 1' : '1 1'}`;
    video.srcObject = picture;
    document.body.append(video);
  };
  show(stream, true);

  const mark = (name: MarkName) => window.parleyBench?.mark(name);
  const signalling = { sentBytes: 0, receivedBytes: 0 };
  // One channel a receiver: a message wakes nobody but whom it is for.
  const outward = new Map<number, BroadcastChannel>();
  const post = (to: number, message: FloorMessage) => {
    let channel = outward.get(to);
    if (!channel) {
      channel = new BroadcastChannel(`floor ${to}`);
      outward.set(to, channel);
    }
    mark('signal-out');
    channel.postMessage(message);
    signalling.sentBytes += JSON.stringify(message).length;
  };

  const idle: RTCRtpSender[] = [];
  const links = new Map<number, { pc: RTCPeerConnection; chain: Promise<void> }>();
  const linkTo = (peer: number) => {
    const known = links.get(peer);
    if (known) return known;
    const pc = new RTCPeerConnection();
    const link = { pc, chain: Promise.resolve() };
    links.set(peer, link);
    for (const track of stream.getTracks()) pc.addTrack(track, stream);
    pc.addEventListener('icecandidate', ({ candidate }) => {
      if (candidate) post(peer, { from: self, candidate: candidate.toJSON() });
    });
    pc.addEventListener('track', ({ track, streams }) => {
      if (track.kind === 'video') show(streams[0] ?? new MediaStream([track]), false);
    });
    return link;
  };
  const describe = async (peer: number, pc: RTCPeerConnection) => {
    await pc.setLocalDescription();
    const description = pc.localDescription;
    if (description)
      post(peer, { from: self, description: { type: description.type, sdp: description.sdp } });
  };

  new BroadcastChannel(`floor ${self}`).addEventListener(
    'message',
    ({ data }: MessageEvent<FloorMessage>) => {
      mark('signal-in');
      signalling.receivedBytes += JSON.stringify(data).length;
      const link = linkTo(data.from);
      link.chain = link.chain.then(async () => {
        if (data.candidate) await link.pc.addIceCandidate(data.candidate);
        if (!data.description) return;
        await link.pc.setRemoteDescription(data.description);
        if (data.description.type === 'offer') await describe(data.from, link.pc);
      });
    },
  );
  window.parleyFloor = {
    signalling,
    offer(pages) {
      for (const peer of pages) {
        const { pc } = linkTo(peer);
        if (screens) for (const kind of ['video', 'audio']) idle.push(pc.addTransceiver(kind).sender);
        void describe(peer, pc);
      }
    },
    async share() {
      const screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
      for (const sender of idle) {
        const [track] = sender === idle[0] ? screen.getVideoTracks() : screen.getAudioTracks();
        if (track) await sender.replaceTrack(track);
      }
    },
  };
}

/** Where the page draws pictures now, the own one first. */
export function readBoxes(): Box[] {
  const boxes = [...document.querySelectorAll('video')].map((video) => {
    const { x, y, width, height } = video.getBoundingClientRect();
    return { x, y, width, height, mirrored: video.classList.contains('mirror') };
  });
  return boxes.sort((a, b) => Number(b.mirrored) - Number(a.mirrored));
}

/** Resolves once every link of the page decodes pictures of this width, with the moment; null when they do not in time. */
export async function awaitWidth(width: number): Promise<number | null> {
  const POLL_MS = 50;
  const TIMEOUT_MS = 20_000;
  const endMs = performance.now() + TIMEOUT_MS;
  while (performance.now() < endMs) {
    const widths: number[] = [];
    for (const pc of window.parleyBench?.links ?? []) {
      (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
        if (entry.type === 'inbound-rtp' && entry.framesDecoded) widths.push(Number(entry.frameWidth));
      });
    }
    if (widths.length > 0 && widths.every((found) => found === width))
      return performance.timeOrigin + performance.now();
    await new Promise((settle) => setTimeout(settle, POLL_MS));
  }
  return null;
}

/** What each running link of the page has decoded so far. */
export async function readLinks(): Promise<LinkState[]> {
  const states: LinkState[] = [];
  for (const pc of window.parleyBench?.links ?? []) {
    if (pc.connectionState === 'closed') continue;
    const state = { framesDecoded: 0, frameWidth: 0, frameHeight: 0 };
    (await pc.getStats()).forEach((entry: Record<string, unknown>) => {
      if (entry.type !== 'inbound-rtp' || entry.kind !== 'video' || !entry.framesDecoded) return;
      state.framesDecoded += Number(entry.framesDecoded);
      state.frameWidth = Number(entry.frameWidth);
      state.frameHeight = Number(entry.frameHeight);
    });
    states.push(state);
  }
  return states;
}
