/** The tables of "How it works". Every cell is a claim about the code: who changes the one looks at the other. */

interface Cell {
  /** What a glance should find; the text explains it. */
  readonly verdict?: 'No' | 'Yes' | 'Partly';
  readonly text: string;
}

export interface TableContent {
  readonly caption: string;
  /** The first one heads the column of row headers. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly head: string; readonly cells: readonly Cell[] }[];
}

const no = (text = ''): Cell => ({ verdict: 'No', text });
const yes = (text = ''): Cell => ({ verdict: 'Yes', text });
const partly = (text: string): Cell => ({ verdict: 'Partly', text });
const say = (text: string): Cell => ({ text });

export const TRAVELS: TableContent = {
  caption: 'What there is in a call, which way it goes, and who can read it',
  columns: ['What', 'Way', 'Who can read it'],
  rows: [
    {
      head: 'Camera and microphone',
      cells: [
        say(
          'From browser to browser, or through the relay. One encrypted stream (DTLS-SRTP) for each person.',
        ),
        say('The person at the other end of that connection'),
      ],
    },
    { head: 'Screen and its sound', cells: [say('The same way'), say('The same person')] },
    {
      head: 'Chat and files',
      cells: [
        say(
          'The same connection, as data channels (SCTP over DTLS). To one person: on that one’s connection only.',
        ),
        say('Whoever they are sent to'),
      ],
    },
    {
      head: 'Pointer, reactions, raised hand, mute marks',
      cells: [say('The same connection, as data channels'), say('The others in the call')],
    },
    {
      head: 'How large you show each picture, and that you show none',
      cells: [
        say('The same connection, so that no more is sent than is seen'),
        say('The person in the picture'),
      ],
    },
    {
      head: 'Your name, and when you joined by your clock',
      cells: [
        say('Through the server, in your introduction, sealed under a key from the link'),
        say('Whoever has the link, and the password if there is one'),
      ],
    },
    {
      head: 'Session descriptions and network addresses',
      cells: [
        say(
          'Through the server at first, sealed for one recipient; over the connection itself once there is one',
        ),
        say('That recipient'),
      ],
    },
    {
      head: 'Room id',
      cells: [say('To the server, under TLS, in the handshake of the WebSocket'), say('The server')],
    },
    {
      head: 'Address and credential of the relay',
      cells: [say('From the server to your browser, under TLS'), say('The server, the relay and you')],
    },
    {
      head: 'The program itself',
      cells: [say('From the server to your browser, each time you open the page'), say('Anybody')],
    },
    {
      head: 'The key in the link, the label, the password',
      cells: [say('Nowhere. They stay in the browser.'), say('Those you give them to')],
    },
    {
      head: 'Your name for next time, chosen devices, shortcuts on or off',
      cells: [say('Nowhere. They are kept by this browser.'), say('You')],
    },
    {
      head: 'Files you received, parts of files, the list of what you are sending',
      cells: [
        say(
          'Nowhere else. This browser keeps a file you received until you take it off the list or leave the screen after ' +
            'the call, one you saved for a quarter of an hour more. Parts of files, and names and sizes of those you were ' +
            'sending, it keeps for a day, so that they can go on. If the page was closed before, that is cleared away when ' +
            'Parley is next opened: a whole file once it is an hour old.',
        ),
        say('You'),
      ],
    },
  ],
};

export const SEES: TableContent = {
  caption: 'Who can see what while everybody keeps to the rules',
  columns: ['', 'Server', 'Relay, if used', 'Network', 'The others'],
  rows: [
    {
      head: 'What is said, shown, written and sent',
      cells: [no(), no('It carries ciphertext.'), no(), yes('That is what a call is for.')],
    },
    { head: 'Names', cells: [no(), no(), no(), yes()] },
    { head: 'Key and password', cells: [no('It sees the room id.'), no(), no(), yes('They have them too.')] },
    {
      head: 'Your network address',
      cells: [yes(), yes('of each browser that uses it'), yes(), yes('unless you choose Relay only')],
    },
    {
      head: 'Who is in a call with whom',
      cells: [
        yes('by address and by a random id, not by name'),
        yes('for those who use it: their ids share a tag of the room'),
        partly('It sees which addresses exchange packets.'),
        yes(),
      ],
    },
    {
      head: 'Since when, and how long',
      cells: [yes(), yes('while it is used'), yes('from the traffic'), yes()],
    },
    {
      head: 'How much is sent, and when somebody speaks',
      cells: [
        no('It sees size and time of introductions only.'),
        yes('See “Traffic has a shape”.'),
        yes('See “Traffic has a shape”.'),
        yes(),
      ],
    },
  ],
};

export const TAKEOVER: TableContent = {
  caption: 'What somebody gains who takes over a part while a call runs',
  columns: ['Taken over', 'Gains', 'Still cannot'],
  rows: [
    {
      head: 'The server',
      cells: [
        say(
          'All that the server sees, from now on. It can keep newcomers out, lose or delay introductions, repeat old ones, and name ' +
            'relays of its own choosing to the browsers. It holds the relay’s secret. And it can hand a changed program to ' +
            'whoever loads the page, or a part of it, from then on: that program can read the key in the link.',
        ),
        say(
          'Read or change anything in the call, learn names, end the connections that stand, or get between two browsers ' +
            'that run the program they loaded before. People it invents never get a tile: they cannot prove a key.',
        ),
      ],
    },
    {
      head: 'The relay',
      cells: [
        say(
          'All that the relay sees. It can slow down or cut what passes through it, and with its secret anybody can use ' +
            'it until the operator changes the secret.',
        ),
        say(
          'Read, change or insert anything: a packet that was changed fails its check and is dropped. Nor can it touch ' +
            'connections that do not pass through it.',
        ),
      ],
    },
    {
      head: 'The network',
      cells: [
        say(
          'Nothing beyond what it sees anyhow. It can slow down, block or cut. Somebody who can forge the server’s TLS ' +
            'certificate counts as the server.',
        ),
        say('Read or change anything in the call.'),
      ],
    },
    {
      head: 'Server and relay together',
      cells: [say('Both of the above.'), say('Anything more: neither has a part of a key.')],
    },
    {
      head: 'The link, by somebody not invited',
      cells: [
        say(
          'They can join, under any name, and then see and hear everything. With introductions recorded earlier, they ' +
            'can read the names in those.',
        ),
        say(
          'Come in unseen: whoever they connect to sees them under People, and browsers stop sending sound and picture to ' +
            'whoever does not prove a key within seconds, and so has no tile. Nor open what was said, shown or sent before ' +
            'they came, even if it was recorded.',
        ),
      ],
    },
    {
      head: 'The link and the server',
      cells: [
        say(
          'The one combination that can get between two people without a trace: it can open introductions and put its own ' +
            'in their place.',
        ),
        say(
          'Do so against a room password that was agreed elsewhere, as long as the password is too good to be guessed.',
        ),
      ],
    },
  ],
};
