namespace Skylight.Imaging.Display;

/// <summary>Window Center and Width with their function (PS3.3 C.11.2.1.2 and C.11.2.1.3).</summary>
public readonly record struct VoiWindow(double Center, double Width, VoiFunction Function = VoiFunction.Linear)
{
    /// <summary>The window whose black is <paramref name="low"/> and whose white is <paramref name="high"/>; a threshold where there is no range.</summary>
    public static VoiWindow Spanning(double low, double high) =>
        high > low ? new VoiWindow((low + high) / 2, high - low, VoiFunction.LinearExact) : new VoiWindow(double.IsFinite(low) ? low : 0, 1, VoiFunction.LinearExact);

    /// <summary>Maps a value to 0 … 1.</summary>
    public double Map(double x)
    {
        switch (Function)
        {
            case VoiFunction.Sigmoid:
                return 1 / (1 + Math.Exp(-4 * (x - Center) / Width));
            case VoiFunction.LinearExact:
                return Math.Clamp(((x - Center) / Width) + 0.5, 0, 1);
            default:
                // Linear: the window spans Width - 1 steps around Center - 0.5; a width of 1 is a threshold.
                if (Width <= 1) return x <= Center - 0.5 ? 0 : 1;
                return Math.Clamp(((x - (Center - 0.5)) / (Width - 1)) + 0.5, 0, 1);
        }
    }
}

public enum VoiFunction
{
    Linear,
    LinearExact,
    Sigmoid,
}
