using System.Numerics;

namespace Skylight.Cli.Demo;

/// <summary>
/// A piece of anatomy: a shape and the value of its tissue. Coordinates are the patient's, in mm: x to the left, y to the back, z to the head.
/// Later solids paint over earlier ones; edges are soft over one sample, so that slices look sampled, not cut out.
/// </summary>
internal abstract record Solid(float Value)
{
    /// <summary>Corners of a box that holds the solid.</summary>
    public abstract (Vector3 Low, Vector3 High) Bounds { get; }

    /// <summary>Distance to the surface in mm, negative inside; near enough to true for an edge.</summary>
    public abstract float Distance(Vector3 point);
}

/// <summary>An ellipsoid, or with <see cref="Power"/> over 2 a boxier body, turned about z.</summary>
internal sealed record Ellipsoid(Vector3 Centre, Vector3 Radii, float Value, float Turn = 0) : Solid(Value)
{
    public override (Vector3, Vector3) Bounds
    {
        get
        {
            var reach = Turn == 0 ? Radii : new Vector3(MathF.Max(Radii.X, Radii.Y), MathF.Max(Radii.X, Radii.Y), Radii.Z);
            return (Centre - reach, Centre + reach);
        }
    }

    public override float Distance(Vector3 point)
    {
        var p = point - Centre;
        if (Turn != 0)
        {
            var (sin, cos) = MathF.SinCos(Turn);
            p = new Vector3((p.X * cos) + (p.Y * sin), (p.Y * cos) - (p.X * sin), p.Z);
        }
        var near = (p / Radii).Length();
        var slope = (p / (Radii * Radii)).Length();
        return slope == 0 ? -MathF.Min(Radii.X, MathF.Min(Radii.Y, Radii.Z)) : near * (near - 1) / slope;
    }
}

/// <summary>A rod with round ends that may taper: vessels, airways, bones.</summary>
internal sealed record Rod(Vector3 From, Vector3 To, float FromRadius, float ToRadius, float Value) : Solid(Value)
{
    public override (Vector3, Vector3) Bounds
    {
        get
        {
            var reach = new Vector3(MathF.Max(FromRadius, ToRadius));
            return (Vector3.Min(From, To) - reach, Vector3.Max(From, To) + reach);
        }
    }

    public override float Distance(Vector3 point)
    {
        var axis = To - From;
        var along = Math.Clamp(Vector3.Dot(point - From, axis) / MathF.Max(axis.LengthSquared(), 1e-6f), 0, 1);
        return Vector3.Distance(point, From + (axis * along)) - (FromRadius + ((ToRadius - FromRadius) * along));
    }
}

/// <summary>The trunk: at each height an ellipse, blunter than a true one, whose half axes follow a profile.</summary>
internal sealed record Trunk(float Inset, float Value) : Solid(Value)
{
    // Half width and half depth in mm from the belly (z = -240) to the neck (z = 240).
    private static readonly (float Z, float Width, float Depth)[] Profile =
        [(-240, 158, 110), (-120, 160, 112), (0, 168, 112), (90, 180, 106), (140, 186, 96), (175, 150, 80), (205, 84, 64), (240, 64, 60)];

    public override (Vector3, Vector3) Bounds => (new(-190, -115, -240), new(190, 115, 240));

    public override float Distance(Vector3 point)
    {
        var (width, depth) = At(point.Z);
        float x = MathF.Abs(point.X) / (width - Inset), y = MathF.Abs(point.Y) / (depth - Inset);
        // Far from the edge the sign is enough, and saves two powers for most samples.
        if ((x * x) + (y * y) < 0.8f) return -10;
        if (x > 1.1f || y > 1.1f) return 10;
        var near = MathF.Pow(MathF.Pow(x, 2.4f) + MathF.Pow(y, 2.4f), 1 / 2.4f);
        return (near - 1) * MathF.Min(width, depth);
    }

    public static (float Width, float Depth) At(float z)
    {
        for (var i = 1; i < Profile.Length; i++)
        {
            if (z > Profile[i].Z && i < Profile.Length - 1) continue;
            var t = Math.Clamp((z - Profile[i - 1].Z) / (Profile[i].Z - Profile[i - 1].Z), 0, 1);
            t = t * t * (3 - (2 * t));
            return (float.Lerp(Profile[i - 1].Width, Profile[i].Width, t), float.Lerp(Profile[i - 1].Depth, Profile[i].Depth, t));
        }
        return (Profile[^1].Width, Profile[^1].Depth);
    }
}
