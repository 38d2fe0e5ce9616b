namespace Skylight.Imaging.Codecs;

/// <summary>Colour by plane to colour by pixel.</summary>
internal static class Planes
{
    public static void Interleave(ReadOnlySpan<byte> planes, Span<byte> pixels, int pixelCount, int samples, int bytes)
    {
        for (var s = 0; s < samples; s++)
        {
            var plane = planes.Slice(s * pixelCount * bytes, pixelCount * bytes);
            if (bytes == 1)
            {
                for (int i = 0, at = s; i < pixelCount; i++, at += samples) pixels[at] = plane[i];
                continue;
            }

            for (var i = 0; i < pixelCount; i++) plane.Slice(i * bytes, bytes).CopyTo(pixels[(((i * samples) + s) * bytes)..]);
        }
    }
}
