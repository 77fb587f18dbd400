/** Several files, many files, an empty one, and pictures. */
import { execFileSync } from 'node:child_process';
import { deflateSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { crc32 } from '../../app/call/files/archive.ts';
import { card, dropFiles, press, says } from './files-in-page.ts';
import { type Person, waitForMedia } from './harness.ts';
import { useStage } from './stage.ts';

const stage = useStage({ turn: false });

/** A picture of one grey. */
function png(width: number, height: number): Buffer {
  const part = (type: string, body: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), body]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(body.length, 0);
    ends.writeUInt32BE(crc32(named), 4);
    return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  const rows = Buffer.alloc((width + 1) * Math.min(height, 1_000), 127);
  for (let row = 0; row < Math.min(height, 1_000); row += 1) rows[row * (width + 1)] = 0;
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    part('IHDR', head),
    part('IDAT', deflateSync(rows)),
    part('IEND', Buffer.alloc(0)),
  ]);
}

/** Drops files with these contents on the call. */
async function dropContents(
  person: Person,
  files: readonly { name: string; type: string; content: Buffer }[],
): Promise<void> {
  await person.page.evaluate(
    (list) => {
      const data = new DataTransfer();
      for (const { name, type, content } of list) {
        const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
      }
      for (const kind of ['dragover', 'drop'])
        window.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    files.map((file) => ({ ...file, content: file.content.toString('base64') })),
  );
}

it('several files are several questions, many are one archive, and small pictures show at once', async () => {
  const [alice, bob] = await stage.meet(['Alice', 'Bob'], { voiceOnly: true });
  const told = bob.page.getByRole('status', { name: 'Notices' });
  await Promise.all([
    told.getByText('Alice offers 2 files').waitFor(),
    dropFiles(alice, { name: 'one.bin', sizeBytes: 70_000 }, { name: 'none.bin', sizeBytes: 0, seed: 2 }),
  ]);
  for (const name of ['one.bin', 'none.bin']) {
    await press(bob, name, 'Accept');
    await says(bob, name, /complete and verified/);
    await says(alice, name, 'Bob has all of it');
  }

  const many = Array.from({ length: 12 }, (_, index) => ({
    name: `part ${index}.bin`,
    sizeBytes: 1_000 + index,
  }));
  await dropFiles(alice, ...many);
  await press(bob, '12 files.zip', 'Accept');
  await says(bob, '12 files.zip', /complete and verified/);
  const downloading = bob.page.waitForEvent('download');
  await press(bob, '12 files.zip', 'Save');
  const script =
    'import zipfile, sys\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nprint(sum(i.file_size for i in z.infolist()), len(z.infolist()))';
  const path = await (await downloading).path();
  expect(execFileSync('python3', ['-c', script, path], { encoding: 'utf8' }).trim()).toBe(
    `${many.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)} 12`,
  );

  const sent = dropContents(alice, [
    { name: 'grey.png', type: 'image/png', content: png(300, 200) },
    // A few kilobytes that claim to be 2.5 thousand million pixels.
    { name: 'bomb.png', type: 'image/png', content: png(50_000, 50_000) },
    {
      name: 'page.png',
      type: 'image/png',
      content: Buffer.from('<html><script>parleyHacked = true</script></html>'),
    },
  ]);
  await Promise.all([told.getByText('Alice sent a picture, grey.png').waitFor(), sent]);
  await says(bob, 'grey.png', /complete and verified/);
  const drawn = card(bob, 'grey.png').getByRole('img', { name: 'grey.png' });
  await expect.poll(() => drawn.evaluate((canvas) => (canvas as HTMLCanvasElement).width)).toBe(300);
  for (const name of ['bomb.png', 'page.png']) {
    await says(bob, name, /complete and verified/);
    await expect.poll(() => card(bob, name).getByRole('img').count()).toBe(0);
  }
  expect([...alice.problems, ...bob.problems]).toEqual([]);
});

it('what is offered while the code for files cannot be fetched is seen as soon as it can', async () => {
  const url = stage.invitation();
  const alice = await stage.join(url, 'Alice', { voiceOnly: true });
  const bob = await stage.open(url, 'Bob', { voiceOnly: true });
  let refused = 0;
  const engine = '**/assets/engine-*.js';
  await bob.page.route(engine, (route) => {
    refused += 1;
    return route.abort();
  });
  await bob.join();
  await waitForMedia([alice, bob], 1);
  await dropFiles(alice, { name: 'early.bin', sizeBytes: 1_000 });
  await says(alice, 'early.bin', /Bob/);
  // When the offer came, and once more unasked.
  await expect.poll(() => refused).toBeGreaterThan(1);
  expect(await card(bob, 'early.bin').count()).toBe(0);
  await bob.page.unroute(engine);
  await press(bob, 'early.bin', 'Accept');
  await says(bob, 'early.bin', /complete and verified/);
});
