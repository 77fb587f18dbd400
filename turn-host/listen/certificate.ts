/**
 * Owns the certificate that TLS listeners show: reading it, and reading it again when its files change or when asked to.
 * One that does not fit its key or cannot be read is said and passed over: the last good one stays.
 */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** PEM, with its chain. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

const POLL_MS = 2000;

/** The files cannot be read, or are no certificate and its key; the message says which. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code = 'ECERTIFICATE';
}

export class Certificate {
  readonly #certFile: string;
  readonly #keyFile: string;
  readonly #log: (line: string) => void;
  readonly #onChange = () => this.reload();
  readonly #listeners: ((renewed: CertificateFiles) => void)[] = [];
  #current: CertificateFiles;

  /** Throws `CertificateError`. */
  constructor(certFile: string, keyFile: string, log: (line: string) => void) {
    this.#certFile = certFile;
    this.#keyFile = keyFile;
    this.#log = log;
    this.#current = this.#read();
    for (const file of [certFile, keyFile]) {
      // Polled: whatever renews a certificate may replace the file, its folder, or a link to either.
      watchFile(file, { interval: POLL_MS, persistent: false }, this.#onChange);
    }
  }

  get current(): CertificateFiles {
    return this.#current;
  }

  onRenewed(listener: (renewed: CertificateFiles) => void): void {
    this.#listeners.push(listener);
  }

  /** Reads the files again and tells the listeners if they changed. */
  reload(): void {
    let read: CertificateFiles;
    try {
      read = this.#read();
    } catch (error) {
      // The two files may not have been written at the same time: the second change brings the next attempt.
      this.#log(`certificate not renewed: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (read.cert === this.#current.cert && read.key === this.#current.key) {
      return;
    }
    this.#current = read;
    for (const listener of this.#listeners) {
      listener(read);
    }
    this.#log('certificate renewed');
  }

  close(): void {
    // By listener: another relay of this process may look at the same files.
    unwatchFile(this.#certFile, this.#onChange);
    unwatchFile(this.#keyFile, this.#onChange);
  }

  #read(): CertificateFiles {
    try {
      const files = { cert: readFileSync(this.#certFile, 'utf8'), key: readFileSync(this.#keyFile, 'utf8') };
      createSecureContext(files);
      return files;
    } catch (error) {
      throw new CertificateError(error instanceof Error ? error.message : String(error));
    }
  }
}
