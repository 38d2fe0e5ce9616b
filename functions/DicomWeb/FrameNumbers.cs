using System.Globalization;
using Skylight.Functions.Http;

namespace Skylight.Functions.DicomWeb;

/// <summary>The frame list of an address: numbers from 1, joined by commas.</summary>
internal static class FrameNumbers
{
    /// <summary>Null when it is malformed or longer than <paramref name="most"/>.</summary>
    public static List<int>? Parse(string frames, int most)
    {
        var numbers = new List<int>();
        foreach (var text in frames.Split(','))
        {
            if (numbers.Count == most || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1) return null;
            numbers.Add(number);
        }
        return numbers;
    }

    public static Problem Malformed() => Problem.BadRequest("frames-malformed", "Frames are numbers from 1, joined by commas.", "帧号须为从 1 开始的数字，以逗号分隔。", "frames");
}
