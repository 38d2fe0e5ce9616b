using System.Numerics;

namespace Skylight.Cli.Demo;

/// <summary>Brightness of tissues in one kind of MR sequence, in stored units.</summary>
internal sealed record MrContrast(float Scalp, float Bone, float Fluid, float Grey, float White, float Lesion)
{
    public static MrContrast T1 { get; } = new(900, 90, 150, 430, 600, 300);

    public static MrContrast T2 { get; } = new(620, 60, 1150, 640, 430, 980);
}

/// <summary>An invented head for MR.</summary>
internal static class HeadAnatomy
{
    public static List<Solid> Build(SeededNoise noise, MrContrast contrast)
    {
        var solids = new List<Solid>
        {
            new Ellipsoid(new(0, 0, 0), new(80, 98, 92), contrast.Scalp),
            new Ellipsoid(new(0, 0, 0), new(75, 93, 87), contrast.Bone),
            new Ellipsoid(new(0, 0, 0), new(69, 87, 81), contrast.Fluid),
            new Ellipsoid(new(0, 0, 0), new(66, 84, 78), contrast.Grey),
        };
        // Folds: grey matter with fluid between, around a white core.
        for (var fold = 0; fold < 240; fold++)
        {
            var direction = noise.Direction();
            var surface = direction * new Vector3(64, 82, 76);
            solids.Add(new Rod(surface, surface * 0.84f, 1.5f, 0.9f, contrast.Fluid));
        }
        foreach (var side in new[] { -1, 1 })
        {
            solids.Add(new Ellipsoid(new(side * 30, 0, 2), new(25, 66, 58), contrast.White));
            for (var gyrus = 0; gyrus < 90; gyrus++)
            {
                var outward = noise.Direction();
                var foot = new Vector3(side * 30, 0, 2) + (outward * new Vector3(22, 62, 54));
                solids.Add(new Rod(foot, foot + (outward * 9), 3.4f, 2f, contrast.White));
            }
            solids.Add(new Ellipsoid(new(side * 15, 2, 4), new(8, 17, 14), contrast.Grey * 1.03f));
            solids.Add(new Ellipsoid(new(side * 24, -10, 2), new(5, 16, 13), contrast.Grey * 0.97f));
            solids.Add(new Ellipsoid(new(side * 9, -18, 16), new(6, 24, 9), contrast.Fluid, side * 0.2f));
            solids.Add(new Ellipsoid(new(side * 17, 26, 12), new(6.5f, 20, 11), contrast.Fluid, side * -0.3f));
            solids.Add(new Ellipsoid(new(side * 32, -72, -40), new(12, 12, 12), contrast.Fluid * 0.95f));
        }
        // Between the halves, third ventricle, brain stem and cerebellum, one small lesion on the right.
        solids.Add(new Ellipsoid(new(0, 0, 0), new(1.5f, 83, 77), contrast.Fluid));
        solids.Add(new Ellipsoid(new(0, 4, 0), new(2.5f, 13, 10), contrast.Fluid));
        solids.Add(new Rod(new(0, 14, -14), new(0, 22, -88), 13, 10, contrast.White * 0.95f));
        foreach (var side in new[] { -1, 1 }) solids.Add(new Ellipsoid(new(side * 24, 48, -48), new(26, 24, 20), contrast.Grey * 1.05f));
        solids.Add(new Ellipsoid(new(-26, -34, 26), new(5, 6, 5), contrast.Lesion));
        return solids;
    }
}
