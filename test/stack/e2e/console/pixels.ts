import type { Page } from 'playwright-core'

/** Whether anything was drawn: more than one colour among its pixels. */
export function isPainted(canvas: ReturnType<Page['locator']>): Promise<boolean> {
  return canvas.evaluate((element) => {
    const drawn = element as HTMLCanvasElement
    const pixels = drawn.getContext('2d')?.getImageData(0, 0, drawn.width, drawn.height).data ?? new Uint8ClampedArray()
    return new Set(new Uint32Array(pixels.buffer)).size > 2
  })
}

/** Whether a plot over [0, 1800) s is shaded at 353, 731, 1403 and 1753 s: looked at just below its top, where no line and no name is. */
export async function shaded(canvas: ReturnType<Page['locator']>): Promise<boolean[]> {
  const [paper, ...colours] = await canvas.evaluate((element, seconds) => {
    const drawn = element as HTMLCanvasElement
    const over = drawn.parentElement?.querySelector('.u-over') as HTMLElement
    const scale = drawn.width / drawn.clientWidth
    // Chromium complains of canvases that are read again and again; a copy may be.
    const copy = Object.assign(document.createElement('canvas'), { width: drawn.width, height: drawn.height }).getContext('2d', { willReadFrequently: true })
    copy?.drawImage(drawn, 0, 0)
    return seconds.map((second) => [...(copy?.getImageData((over.offsetLeft + over.clientWidth * (second / 1800)) * scale, (over.offsetTop + 2) * scale, 1, 1).data ?? [])].join())
  }, [617, 353, 731, 1403, 1753])
  return colours.map((colour) => colour !== paper)
}
