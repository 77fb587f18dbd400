/** A text as a QR code. */
import { encode } from 'uqr';

/** The quiet zone a scanner needs around the code, in modules (ISO/IEC 18004 s9.1). */
const QUIET_MODULES = 4;

export function QrCode(props: { text: string }) {
  const code = () => {
    const { data, size } = encode(props.text, { ecc: 'M', border: QUIET_MODULES });
    let path = '';
    data.forEach((row, y) => {
      row.forEach((dark, x) => {
        if (dark) path += `M${x} ${y}h1v1h-1z`;
      });
    });
    return { path, size };
  };
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${code().size} ${code().size}`}
      role="img"
      aria-label="QR code of the link"
      shape-rendering="crispEdges"
    >
      <path d={code().path} />
    </svg>
  );
}
